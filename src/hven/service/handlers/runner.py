"""What a runner says of its job; the lease in its header names the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from hven.batch.model import Job, JobState, QuantumLine, Wish
from hven.batch.triage.model import Decision
from hven.core.errors import AccessDeniedError, ConfigurationError, Flavour
from hven.service.handlers.parts import Anyone
from hven.service.leases import Runner

MOST_LINES = 10_000
MOST_STEPS = 1000
Stack = Annotated[str, Field(max_length=20_000)]
_ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.DELETED)

router = APIRouter(prefix="/runner")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Begin(_Body):
    """Host and process, as `host:pid`."""

    runner: Annotated[str, Field(max_length=300)]


class Report(_Body):
    """How quanta ended since the last report."""

    lines: Annotated[list[QuantumLine], Field(max_length=MOST_LINES)]
    total: Annotated[int, Field(ge=0)]
    message: Annotated[str, Field(max_length=10_000)] = ""


class Profile(_Body):
    """Microseconds by step and stack."""

    stacks: Annotated[dict[str, dict[Stack, Annotated[int, Field(ge=0, lt=2**53)]]], Field(max_length=MOST_STEPS)]


class Finish(_Body):
    """How the job ended."""

    state: JobState
    error: str = ""
    hint: str = ""
    flavour: Flavour | None = None


def _runner(caller: Anyone) -> Runner:
    if not isinstance(caller, Runner):
        raise AccessDeniedError(f"{caller.name} is no runner", hint="The batch service gives a runner its lease.")
    return caller


Held = Annotated[Runner, Depends(_runner)]
"""A runner that holds its lease."""


@router.get("/job")
def show(runner: Held) -> Job:
    """The job."""
    return runner.queue.job(runner.lease)


@router.get("/decisions")
def decisions(runner: Held) -> list[Decision]:
    """What people decided about kinds of failures."""
    return runner.queue.decisions(runner.lease)


@router.post("/begin")
def begin(body: Begin, runner: Held) -> None:
    """Say that it is at work."""
    runner.queue.begin(runner.lease, runner=body.runner)


@router.post("/renew")
def renew(runner: Held) -> dict[str, Wish]:
    """Say that it lives; gives what it should do."""
    return {"wish": runner.queue.renew(runner.lease)}


@router.post("/report")
def report(body: Report, runner: Held) -> None:
    """Keep how quanta ended."""
    runner.queue.report(runner.lease, body.lines, total=body.total, message=body.message)


@router.post("/profile")
def profile(body: Profile, runner: Held) -> None:
    """Keep where the time went."""
    runner.queue.profile(runner.lease, body.stacks)


@router.post("/release")
def release(runner: Held) -> None:
    """Put the job back into the queue."""
    runner.queue.release(runner.lease)


@router.post("/finish")
def finish(body: Finish, runner: Held) -> None:
    """Say how the job ended."""
    if body.state not in _ENDS:
        raise ConfigurationError(f"a job does not end as {body.state}")
    runner.queue.finish(runner.lease, body.state, error=body.error, hint=body.hint, flavour=body.flavour)
