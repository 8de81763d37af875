"""What pages read of the job table."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from functools import lru_cache

import sqlalchemy as sa

from hven.batch.launcher import job_log
from hven.batch.model import Event, Failure, Job, JobState
from hven.batch.store import JobStore
from hven.batch.tables import JOB
from hven.batch.visible import visible
from hven.core.errors import JobNotFoundError
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.registry.database import Database


def jobs(
    settings: Settings,
    viewer: Viewer | None = None,
    *,
    user: str = "",
    states: Collection[JobState] = (),
    before: int | None = None,
    limit: int,
) -> list[Job]:
    """Newest jobs that a viewer may see, of a user (of all if empty) in some states (in any if empty)."""
    return _store(settings.platform_url).find(viewer, user=user, states=states, before=before, limit=limit)


def job(settings: Settings, job_id: int, viewer: Viewer | None = None) -> Job | None:
    """Job by number; None when there is none of this number for the viewer."""
    try:
        return _store(settings.platform_url).get(job_id, viewer)
    except JobNotFoundError:
        return None


def tally(settings: Settings, viewer: Viewer | None = None) -> dict[tuple[str, JobState], int]:
    """How many jobs of each user, of those that a viewer may see, are in each state."""
    counts = sa.select(JOB.c.user, JOB.c.state, sa.func.count()).where(visible(viewer))
    query = counts.group_by(JOB.c.user, JOB.c.state)
    with _store(settings.platform_url).database.read() as connection:
        return {(user, JobState(state)): count for user, state, count in connection.execute(query)}


def failures(settings: Settings, job_id: int) -> list[Failure]:
    """Failed quanta of a job grouped by cause, most frequent first."""
    return _store(settings.platform_url).failures(job_id)


def events(settings: Settings, job_id: int) -> list[Event]:
    """Who did what to a job, newest first."""
    return _store(settings.platform_url).events(job_id=job_id)


def log_tail(settings: Settings, job_id: int, lines: int) -> str:
    """Last lines of a job's log; empty before it has begun."""
    try:
        with job_log(settings, job_id).open(errors="replace") as stream:
            return "".join(deque(stream, maxlen=lines))
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=8)
def _store(url: str) -> JobStore:
    return JobStore(Database(url))
