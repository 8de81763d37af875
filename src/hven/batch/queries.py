"""What pages read of the job table."""

from __future__ import annotations

from collections import deque
from functools import lru_cache

from hven.batch.launcher import job_log
from hven.batch.model import Event, Failure, Job
from hven.batch.store import JobStore
from hven.core.settings import Settings
from hven.registry.database import Database


def jobs(settings: Settings, *, limit: int) -> list[Job]:
    """Newest jobs."""
    return _store(settings.platform_url).find(limit=limit)


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
