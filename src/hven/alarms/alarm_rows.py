"""Alarms as rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hven.alarms.message import Severity
from hven.alarms.model import Alarm, AlarmState, Deed, Happening, Watch
from hven.registry.schema import storable

Row = Mapping[Any, Any]


def alarm_row(alarm: Alarm) -> dict[str, Any]:
    """Alarm as a row."""
    return {k: storable(v) if isinstance(v, str) else v for k, v in asdict(alarm).items()}


def alarm_of(row: Row) -> Alarm:
    """Alarm of a row."""
    values = {field.name: row[field.name] for field in fields(Alarm)}
    return Alarm(**{**values, "state": AlarmState(row["state"]), "severity": Severity(row["severity"])})


def watch_row(rule: str, key: str, watch: Watch) -> dict[str, Any]:
    """Watch as a row; its alarm by id, while that is open."""
    values = {field.name: getattr(watch, field.name) for field in fields(Watch)}
    open_ = watch.alarm.id if watch.alarm is not None and watch.alarm.is_open else ""
    return {"rule": rule, "key": key, **values, "recent": list(watch.recent), "alarm": open_}


def watch_of(row: Row, alarm: Alarm | None) -> Watch:
    """Watch of a row."""
    values = {field.name: row[field.name] for field in fields(Watch)}
    return Watch(**{**values, "recent": tuple(row["recent"]), "alarm": alarm})


def happening_of(row: Row) -> Happening:
    """Line of history of a row."""
    return Happening(row["alarm"], row["time_ns"], Deed(row["what"]), row["who"], row["text"])
