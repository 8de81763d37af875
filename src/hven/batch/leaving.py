"""What changes in the table for a job that leaves its runner."""

from __future__ import annotations

from typing import Any

from hven.batch.model import JobState, Wish
from hven.core.clock import now_ns

MAX_DEATHS = 3
"""Runners that may die over one job, none of which has got on with it, before it fails."""


def freed(**values: Any) -> dict[str, Any]:
    """Whatever the others say, nobody works on it."""
    return {"lease": "", "wish": Wish.NONE, **({"runner": ""} if values["state"] == JobState.READY else {}), **values}


def waits_again(wish: str) -> dict[str, Any]:
    """Of one that leaves before its end."""
    if wish == Wish.CANCEL:
        return {"state": JobState.DELETED, "ended_ns": now_ns()}
    return {"state": JobState.READY}


def after_death(wish: str, deaths: int) -> dict[str, Any]:
    """Of one whose runner has died, the last of so many."""
    if wish == Wish.CANCEL or deaths < MAX_DEATHS:
        return waits_again(wish)
    return {
        "state": JobState.FAILED,
        "ended_ns": now_ns(),
        "error": f"its runner died {deaths} times without getting on",
        "hint": "The log of the job ends where it died; too little memory is the usual cause.",
        "flavour": "infrastructure",
    }
