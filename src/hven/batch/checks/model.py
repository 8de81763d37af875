"""Runs of checks."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class CheckState(StrEnum):
    """WAITING for the service, RUNNING in a process of its own; GOOD and BAD are what it found."""

    WAITING = "waiting"
    RUNNING = "running"
    GOOD = "good"
    BAD = "bad"


class CheckRun(BaseModel):
    """One run of a check.

    Parameters
    ----------
    fire_ns
        Time of the fire for which it ran.
    version
        Of the software that it ran with.
    text
        What it found, line by line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    fire_ns: int
    state: CheckState
    version: str = ""
    text: str = ""
    started_ns: int = 0
    ended_ns: int = 0
