"""Schedules: look, enable, disable, run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hven.batch.schedules.model import Fire, Schedule, ScheduleEvent
from hven.service.handlers.parts import ChangeSchedules, ReadSchedules

router = APIRouter()
Limit = Annotated[int, Query(ge=1, le=1000)]


class At(BaseModel):
    """Time of a fire, UTC nanoseconds; now if left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_ns: int | None = None


@router.get("/schedules")
def find(schedules: ReadSchedules) -> list[Schedule]:
    """All schedules, by name."""
    return schedules.find()


@router.get("/schedule-fires")
def fires(schedules: ReadSchedules, schedule: str = "", limit: Limit = 100) -> list[Fire]:
    """Fires, newest first."""
    return schedules.fires(schedule, limit=limit)


@router.get("/schedule-events")
def events(schedules: ReadSchedules, schedule: str = "", limit: Limit = 1000) -> list[ScheduleEvent]:
    """Who did what, newest first."""
    return schedules.events(schedule, limit=limit)


@router.get("/schedules/{schedule}")
def show(schedule: str, schedules: ReadSchedules) -> Schedule:
    """One schedule."""
    return schedules.get(schedule)


@router.post("/schedules/{schedule}/enable")
def enable(schedule: str, schedules: ChangeSchedules) -> Schedule:
    """Let it fire from now on."""
    return schedules.enable(schedule)


@router.post("/schedules/{schedule}/disable")
def disable(schedule: str, schedules: ChangeSchedules) -> Schedule:
    """Let it fire no more."""
    return schedules.disable(schedule)


@router.post("/schedules/{schedule}/run")
def run(schedule: str, at: At, schedules: ChangeSchedules) -> Fire:
    """Let it fire once."""
    return schedules.run(schedule, at_ns=at.at_ns)
