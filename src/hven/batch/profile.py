"""Which functions the time of a job went to, where it was submitted to be sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from hven.batch.tables import PROFILE

_US = 1e6


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FunctionTimes(_Record):
    """What one function took, in seconds.

    Parameters
    ----------
    function
        As ``module:name``.
    own_s, whole_s
        In itself, and with all that it called.
    """

    function: str
    own_s: float
    whole_s: float


class StepProfile(_Record):
    """Where the time of a step's blocks went.

    Parameters
    ----------
    stacks
        Microseconds by stack, ``outer;...;inner``, over all workers.
    """

    step: str
    stacks: dict[str, int]

    @property
    def seconds(self) -> float:
        """Of all workers together."""
        return sum(self.stacks.values()) / _US

    def hottest(self, count: int) -> list[FunctionTimes]:
        """Functions that took most in themselves.

        Examples
        --------
        >>> StepProfile(step="x", stacks={"m:run;m:sort": 3_000_000, "m:run": 1_000_000}).hottest(1)
        [FunctionTimes(function='m:sort', own_s=3.0, whole_s=3.0)]
        """
        own: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for stack, taken in self.stacks.items():
            functions = stack.split(";")
            own[functions[-1]] += taken
            whole.update(dict.fromkeys(functions, taken))
        return [FunctionTimes(function=f, own_s=us / _US, whole_s=whole[f] / _US) for f, us in own.most_common(count)]


class JobProfile(_Record):
    """Where the time of a job went; without steps where it was not sampled."""

    job: int
    steps: tuple[StepProfile, ...] = ()

    def folded(self) -> str:
        """All stacks as lines ``step;outer;...;inner microseconds``, which tools for flame graphs read."""
        lines = [f"{step.step};{stack} {us}" for step in self.steps for stack, us in sorted(step.stacks.items())]
        return "\n".join(lines)


def keep_profile(connection: sa.Connection, job: int, began_ns: int, stacks: Mapping[str, Mapping[str, int]]) -> None:
    """Keep what the runner that began at a time has sampled, by step, in place of what it said before."""
    own = (PROFILE.c.job == job) & (PROFILE.c.began_ns == began_ns)
    connection.execute(PROFILE.delete().where(own))
    rows = [{"job": job, "began_ns": began_ns, "step": step, "stacks": dict(some)} for step, some in stacks.items()]
    if rows:
        connection.execute(PROFILE.insert(), rows)


def profile_of(connection: sa.Connection, job: int) -> JobProfile:
    """What all runners of a job have sampled, the longest step first."""
    rows = connection.execute(PROFILE.select().where(PROFILE.c.job == job).order_by(PROFILE.c.began_ns, PROFILE.c.step))
    return JobProfile(job=job, steps=tuple(_steps(rows.mappings())))


def _steps(rows: Iterable[Any]) -> list[StepProfile]:
    taken: dict[str, Counter[str]] = {}
    for row in rows:
        taken.setdefault(row["step"], Counter()).update(row["stacks"])
    found = [StepProfile(step=step, stacks=dict(stacks)) for step, stacks in taken.items()]
    return sorted(found, key=lambda step: -step.seconds)
