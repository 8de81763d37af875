"""What pages read of the job table."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from hven.batch.launcher import job_log
from hven.batch.model import WAITING, Event, Failure, Job, JobClass, JobState
from hven.batch.profile import JobProfile
from hven.batch.store import JobStore
from hven.batch.tables import JOB, QUANTUM_PROGRESS
from hven.batch.times import times_of
from hven.batch.visible import visible
from hven.core.clock import NS, now_ns
from hven.core.errors import JobNotFoundError
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.registry.database import shared_database

__all__ = [
    "Tally",
    "events",
    "failures",
    "job",
    "jobs",
    "log_tail",
    "numbers",
    "paces",
    "profile",
    "queue",
    "steps",
    "tally",
    "times_of",
]

PACE_S = 300
"""A job's pace is that of the last so many seconds."""


class Tally(NamedTuple):
    """How many `jobs` of a user and a class are in a state."""

    user: str
    job_class: JobClass
    state: JobState
    jobs: int


def jobs(
    settings: Settings,
    viewer: Viewer | None = None,
    *,
    user: str = "",
    job_class: JobClass | None = None,
    states: Collection[JobState] = (),
    before: int | None = None,
    limit: int | None = None,
) -> list[Job]:
    """Newest jobs that a viewer may see: of a user, a class (of all if empty) and some states (in any if empty)."""
    seen = visible(settings, viewer)
    return _store(settings).find(seen, user=user, job_class=job_class, states=states, before=before, limit=limit)


def queue(
    settings: Settings,
    viewer: Viewer | None = None,
    *,
    user: str = "",
    job_class: JobClass | None = None,
    states: Collection[JobState] = WAITING,
) -> list[Job]:
    """Jobs that wait or are held, those that go first first."""
    found = jobs(settings, viewer, user=user, job_class=job_class, states=states)
    return sorted(found, key=lambda job: (job.position is None, job.position or 0, job.id))


def paces(settings: Settings, running: Sequence[Job]) -> dict[int, float]:
    """Quanta per second of each job that runs; none for one of which nothing has ended lately."""
    now = now_ns()
    recent = sa.select(QUANTUM_PROGRESS.c.job, sa.func.count().label("ended")).where(
        QUANTUM_PROGRESS.c.job.in_([job.id for job in running]), QUANTUM_PROGRESS.c.ended_ns > now - PACE_S * NS,
        ~QUANTUM_PROGRESS.c.reused,
    )  # fmt: skip
    with _store(settings).database.read() as connection:
        ended = {row.job: row.ended for row in connection.execute(recent.group_by(QUANTUM_PROGRESS.c.job))}
    return {j.id: ended[j.id] / _lately_s(j, now) for j in running if j.id in ended and j.started_ns}


def _lately_s(job: Job, now: int) -> float:
    return max(1.0, min(PACE_S, (now - job.started_ns) / NS))


def job(settings: Settings, job_id: int, viewer: Viewer | None = None) -> Job | None:
    """Job by number; None when there is none of this number for the viewer."""
    try:
        return _store(settings).get(job_id, visible(settings, viewer))
    except JobNotFoundError:
        return None


def tally(settings: Settings, viewer: Viewer | None = None) -> list[Tally]:
    """How many jobs of each user and class, of those that a viewer may see, are in each state."""
    kinds = (JOB.c.user, JOB.c.priority, JOB.c.state)
    query = sa.select(*kinds, sa.func.count()).where(visible(settings, viewer)).group_by(*kinds)
    classes = {c.priority: c for c in JobClass}
    with _store(settings).database.read() as connection:
        rows = connection.execute(query).all()
    return [Tally(user, classes[priority], JobState(state), count) for user, priority, state, count in rows]


def steps(settings: Settings, job_id: int) -> list[str]:
    """Steps of a job of which quanta have ended."""
    query = sa.select(QUANTUM_PROGRESS.c.step).where(QUANTUM_PROGRESS.c.job == job_id).distinct().order_by("step")
    with _store(settings).database.read() as connection:
        return list(connection.scalars(query))


def failures(settings: Settings, job_id: int) -> list[Failure]:
    """Failed quanta of a job grouped by cause, most frequent first."""
    return _store(settings).failures(job_id)


def numbers(settings: Settings, runs: Collection[str], viewer: Viewer | None = None) -> dict[str, int]:
    """Numbers of the jobs, of those that a viewer may see, that made some runs."""
    query = sa.select(JOB.c.run, JOB.c.id).where(JOB.c.run.in_(list(runs)), visible(settings, viewer))
    with _store(settings).database.read() as connection:
        return {row.run: row.id for row in connection.execute(query)}


def profile(settings: Settings, job_id: int) -> JobProfile:
    """Which functions the time of a job went to."""
    return _store(settings).profile(job_id)


def events(settings: Settings, job_id: int) -> list[Event]:
    """Who did what to a job, newest first."""
    return _store(settings).events(job_id=job_id)


def log_tail(settings: Settings, job_id: int, lines: int) -> str:
    """Last lines of a job's log; empty before it has begun."""
    try:
        with job_log(settings, job_id).open(errors="replace") as stream:
            return "".join(deque(stream, maxlen=lines))
    except FileNotFoundError:
        return ""


def _store(settings: Settings) -> JobStore:
    return JobStore(shared_database(settings.platform_url), settings.batch)
