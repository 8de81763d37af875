"""Where a campaign stands: campaign > step > group > job, in the same words at every height."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from hven.batch.campaigns.spec import CampaignSpec


class State(StrEnum):
    """State of a campaign, a step or a group.

    WAITING is not begun: a campaign for its start, a step for the step before. READY may go on as soon as the batch
    service comes to it. RUNNING has jobs. PAUSED submits nothing. BLOCKED waits for a person's review. FAILED breaks
    its acceptance rule. ACCEPTED and REJECTED are the ends.
    """

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    BLOCKED = "blocked"
    FAILED = "failed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it unless a person says so."""
        return self in {State.ACCEPTED, State.REJECTED}


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tally(_Record):
    """How many quanta of jobs ended how; `bad` failed or were blocked."""

    total: int = 0
    done: int = 0
    bad: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Of both together."""
        return Tally(total=self.total + other.total, done=self.done + other.done, bad=self.bad + other.bad)


class Group(_Record):
    """A part of a step's data, processed by one job.

    Parameters
    ----------
    values, where
        Its data.
    tries
        Jobs that were submitted for it: the last one is `job`.
    run
        RUN collection of that job.
    error
        Why it failed.
    judged, errors
        Quality metrics of its products that have limits, and how many of them are `error`.
    """

    name: str
    state: State
    values: dict[str, Any] = {}
    where: str = ""
    tries: int = 0
    job: int | None = None
    run: str = ""
    quanta: Tally = Tally()
    judged: int = 0
    errors: int = 0
    error: str = ""
    started_ns: int = 0
    ended_ns: int = 0


class Step(_Record):
    """A step.

    Parameters
    ----------
    number
        Place in the campaign, from 0.
    attempt
        Counted up when it is redone; each has collections of its own.
    collection
        TAGGED collection of what its present attempt made or found.
    note
        Why it stands where it stands: what fails, who has to decide.
    chosen_ns
        When its products became what is found by default; 0 before its acceptance.
    """

    name: str
    number: int
    state: State
    attempt: int = 1
    collection: str = ""
    note: str = ""
    started_ns: int = 0
    ended_ns: int = 0
    chosen_ns: int = 0
    groups: tuple[Group, ...] = ()

    @property
    def quanta(self) -> Tally:
        """Of all its groups."""
        return sum((group.quanta for group in self.groups), Tally())


class Campaign(_Record):
    """A campaign as the table has it.

    Parameters
    ----------
    origin
        What loaded it: empty for a person, else the schedule and its fire time.
    late
        It has taken longer than its `late_after_h`.
    """

    name: str
    state: State
    spec: CampaignSpec
    loaded_by: str
    origin: str = ""
    late: bool = False
    loaded_ns: int = 0
    started_ns: int = 0
    ended_ns: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def current(self) -> Step | None:
        """First step that is not accepted; None when all are."""
        return next((step for step in self.steps if step.state != State.ACCEPTED), None)

    def step(self, name: str) -> Step:
        """Step by name; raises UnknownNameError."""
        return self.steps[self.spec.steps.index(self.spec.step(name))]


class CampaignEvent(_Record):
    """A line of the audit: who did what to which part of a campaign."""

    time_ns: int
    campaign: str
    who: str
    what: str
    step: str = ""
    group: str = ""
    parameters: dict[str, Any] = {}
