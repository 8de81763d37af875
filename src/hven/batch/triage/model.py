"""A kind of failure, and a person's decision about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hven.core.errors import Flavour


class Verdict(StrEnum):
    """What is to happen with failures of a kind.

    RETRY runs a failed quantum once more before its job ends; KNOWN lets a job succeed that has no other failures;
    BLOCK keeps jobs with this version of the task from starting; OPEN takes a former decision back.
    """

    RETRY = "retry"
    KNOWN = "known"
    BLOCK = "block"
    OPEN = "open"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Decision(_Record):
    """What somebody decided about a kind of failure; it holds for the next one until somebody decides anew.

    `task`, `version` and `error` are those of the newest failure when it was decided.
    """

    fingerprint: str
    verdict: Verdict
    task: str
    version: str
    error: str
    who: str
    time_ns: int
    why: str


class Resolution(_Record):
    """What somebody wants to be done about a kind of failure, and why."""

    verdict: Verdict
    why: Annotated[str, Field(min_length=1, max_length=2000, description="For those who meet it next.")]


class FailureKind(_Record):
    """Quanta that failed in the same way, in whatever job.

    Parameters
    ----------
    fingerprint
        Names the kind: see `hven.batch.triage.fingerprint`.
    error_type, message, frame
        What the failures have in common: class of the exception, its text without what differs, and the innermost
        function.
    versions
        Versions of the task that failed so.
    count
        Failed quanta; none where a decision holds for what does not fail any more.
    runs
        RUN collections in which they failed, the newest first.
    data_id, error, traceback
        Of the first of them.
    first_ns, last_ns
        When the first and the last failed.
    decision
        What holds for them; None while nobody has decided.
    """

    fingerprint: str
    task: str
    error_type: str
    message: str
    frame: str
    flavour: Flavour
    versions: tuple[str, ...]
    count: int
    runs: tuple[str, ...]
    data_id: str
    error: str
    traceback: str
    first_ns: int
    last_ns: int
    decision: Decision | None = None
