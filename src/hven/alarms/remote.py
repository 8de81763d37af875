"""Alarms through the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hven.alarms.alarm_rows import alarm_of, happening_of
from hven.alarms.model import Alarm, Case, Happening, Silence
from hven.registry.api_client import ApiClient


class RemoteAlarms:
    """`hven.alarms.desk.Alarms` in the name of the token's user.

    Parameters
    ----------
    api
        Stays open.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def find(self, *, open_only: bool = True, rule: str = "", limit: int | None = None) -> list[Alarm]:
        """Alarms, the newest first."""
        asked = {"open_only": open_only, "rule": rule, **({"limit": limit} if limit is not None else {})}
        return [alarm_of(found) for found in self._api.ask("GET", "/alarms", params=asked)]

    def get(self, alarm_id: str) -> Case:
        """An alarm with its history."""
        return case_of(self._api.ask("GET", f"/alarms/{alarm_id}"))

    def history(self, *, limit: int | None = None) -> list[Happening]:
        """Who did what, newest first."""
        asked = {"limit": limit} if limit is not None else {}
        return [happening_of(found) for found in self._api.ask("GET", "/alarm-events", params=asked)]

    def silences(self) -> list[Silence]:
        """Silences that hold."""
        return [Silence(**found) for found in self._api.ask("GET", "/alarm-silences")]

    def acknowledge(self, alarm_id: str, text: str = "") -> Case:
        """Say that one has seen it."""
        return case_of(self._act(alarm_id, "acknowledge", text=text))

    def comment(self, alarm_id: str, text: str) -> Case:
        """Add words."""
        return case_of(self._act(alarm_id, "comment", text=text))

    def clear(self, alarm_id: str, text: str) -> Case:
        """Accept what cannot heal."""
        return case_of(self._act(alarm_id, "clear", text=text))

    def silence(self, alarm_id: str, hours: float, text: str, *, whole_rule: bool = False) -> Silence:
        """Tell nobody for some hours."""
        return Silence(**self._act(alarm_id, "silence", text=text, hours=hours, whole_rule=whole_rule))

    def silence_rules(self, rules: str, hours: float, text: str) -> Silence:
        """Tell nobody of a family, or of what fits a pattern, for some hours."""
        body = {"rules": rules, "text": text, "hours": hours}
        return Silence(**self._api.ask("POST", "/alarm-silences", again=False, json=body))

    def close(self) -> None:
        """Nothing is its own."""

    def _act(self, alarm_id: str, verb: str, **body: Any) -> Any:
        return self._api.ask("POST", f"/alarms/{alarm_id}/{verb}", again=False, json=body)


def case_of(found: Mapping[str, Any]) -> Case:
    """Alarm with its history, of JSON."""
    history = tuple(map(happening_of, found["history"]))
    return Case(alarm_of(found["alarm"]), history, tuple(map(alarm_of, found["beneath"])))
