"""What pages read of schedules and checks."""

from __future__ import annotations

from functools import lru_cache

from hven.batch.checks.model import CheckRun
from hven.batch.checks.store import CheckStore
from hven.batch.schedules.model import Fire, Schedule, ScheduleEvent
from hven.batch.schedules.spec import schedules_of
from hven.batch.schedules.store import ScheduleStore
from hven.core.settings import Settings
from hven.registry.database import shared_database

__all__ = ["Fire", "Schedule", "checks", "events", "fires", "schedules"]


def schedules(settings: Settings) -> list[Schedule]:
    """All schedules of a site as they stand, by name."""
    store, default = _stores(settings.platform_url)[0], settings.observatory.time_zone
    return [store.stands(spec, spec.zone or default) for _, spec in sorted(schedules_of(settings).items())]


def fires(settings: Settings, name: str = "", *, limit: int) -> list[Fire]:
    """Newest fires of a schedule (of all if empty)."""
    return _stores(settings.platform_url)[0].fires(name, limit=limit)


def events(settings: Settings, name: str = "", *, limit: int | None = None) -> list[ScheduleEvent]:
    """Who did what to a schedule (to any if empty), newest first."""
    return _stores(settings.platform_url)[0].events(name, limit=limit)


def checks(settings: Settings, name: str = "", *, limit: int) -> list[CheckRun]:
    """Newest runs of a check (of all if empty), with the version of the software."""
    return _stores(settings.platform_url)[1].runs(name, limit=limit)


@lru_cache(maxsize=8)
def _stores(url: str) -> tuple[ScheduleStore, CheckStore]:
    database = shared_database(url)
    return ScheduleStore(database), CheckStore(database)
