"""Alarms: look, comment; for those who may operate acknowledge, clear, silence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hven.alarms.model import Alarm, Case, Happening, Silence
from hven.service.handlers.parts import ChangeAlarms, ReadAlarms, TellAlarms

router = APIRouter()
Limit = Annotated[int, Query(ge=1, le=10_000)]


class Words(BaseModel):
    """What somebody says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(max_length=2000)] = ""


class Hours(Words):
    """How long nobody is told, and why."""

    hours: Annotated[float, Field(gt=0, le=24 * 366)]


class Quiet(Hours):
    """Of all of the alarm's rule, or of its key only."""

    whole_rule: bool = False


class QuietRules(Hours):
    """Of which rules: a family or a pattern of names."""

    rules: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/alarms")
def find(alarms: ReadAlarms, *, open_only: bool = True, rule: str = "", limit: Limit = 1000) -> list[Alarm]:
    """Alarms, the newest first."""
    return alarms.find(open_only=open_only, rule=rule, limit=limit)


@router.get("/alarm-events")
def events(alarms: ReadAlarms, limit: Limit = 1000) -> list[Happening]:
    """Who did what, newest first."""
    return alarms.history(limit=limit)


@router.get("/alarm-silences")
def silences(alarms: ReadAlarms) -> list[Silence]:
    """Silences that hold."""
    return alarms.silences()


@router.post("/alarm-silences")
def silence_rules(body: QuietRules, alarms: ChangeAlarms) -> Silence:
    """Tell nobody of a family of rules, or of those that fit a pattern, for some hours."""
    return alarms.silence_rules(body.rules, body.hours, body.text)


@router.get("/alarms/{alarm}")
def show(alarm: str, alarms: ReadAlarms) -> Case:
    """One alarm."""
    return alarms.get(alarm)


@router.post("/alarms/{alarm}/comment")
def comment(alarm: str, body: Words, alarms: TellAlarms) -> Case:
    """Add words."""
    return alarms.comment(alarm, body.text)


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(alarm: str, body: Words, alarms: ChangeAlarms) -> Case:
    """Say that somebody has seen it."""
    return alarms.acknowledge(alarm, body.text)


@router.post("/alarms/{alarm}/clear")
def clear(alarm: str, body: Words, alarms: ChangeAlarms) -> Case:
    """Accept what cannot heal."""
    return alarms.clear(alarm, body.text)


@router.post("/alarms/{alarm}/silence")
def silence(alarm: str, body: Quiet, alarms: ChangeAlarms) -> Silence:
    """Tell nobody for some hours."""
    return alarms.silence(alarm, body.hours, body.text, whole_rule=body.whole_rule)
