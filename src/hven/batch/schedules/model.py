"""How schedules stand and what became of their fires."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from hven.batch.schedules.spec import ScheduleSpec


class FireState(StrEnum):
    """DUE is not acted on yet; DONE has submitted what it was to submit; FAILED could not."""

    DUE = "due"
    DONE = "done"
    FAILED = "failed"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fire(_Record):
    """One fire of a schedule.

    Parameters
    ----------
    fire_ns
        The time for which it is, not that at which a service came to it.
    who
        The service account, or who let it fire by hand.
    missed
        Earlier times that passed without a service and are not made up for.
    campaign, job
        What it submitted; a check has its own row, of the same time.
    """

    schedule: str
    fire_ns: int
    who: str
    state: FireState
    missed: int = 0
    campaign: str = ""
    job: int | None = None
    error: str = ""
    acted_ns: int = 0


class Schedule(_Record):
    """A schedule as it stands; `next_ns` only while it is enabled."""

    spec: ScheduleSpec
    zone: str
    enabled: bool
    since_ns: int = 0
    by: str = ""
    next_ns: int | None = None
    last: Fire | None = None


class ScheduleEvent(_Record):
    """A line of the audit: who did what to a schedule."""

    time_ns: int
    schedule: str
    who: str
    what: str
    parameters: dict[str, Any] = {}
