"""What pages, the API and alarms read of the ledger."""

from __future__ import annotations

from functools import lru_cache

from hven.archive.completeness.model import Finding, Line, NightCount, Place
from hven.archive.completeness.store import CompletenessStore
from hven.core.settings import Settings
from hven.registry.database import shared_database

__all__ = ["Finding", "Line", "NightCount", "findings", "lines", "nights"]


def nights(settings: Settings, *, day_obs: int | None = None, limit: int | None = None) -> list[NightCount]:
    """Nights in numbers, the latest first: one of each instrument for an observing day."""
    return _store(settings.platform_url).nights(day_obs=day_obs, limit=limit)


def lines(settings: Settings, instrument: str, day_obs: int) -> list[Line]:
    """How far each dataset of a night has come."""
    return _store(settings.platform_url).lines(Place(instrument, day_obs))


def findings(settings: Settings, *, day_obs: int | None = None) -> list[Finding]:
    """What is amiss now, in a night or in all, the latest nights first."""
    found = _store(settings.platform_url).findings()
    return [f for f in found if day_obs is None or f.day_obs == day_obs]


@lru_cache(maxsize=8)
def _store(url: str) -> CompletenessStore:
    return CompletenessStore(shared_database(url))
