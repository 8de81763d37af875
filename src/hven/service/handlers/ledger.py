"""The completeness ledger: nights in numbers, the datasets of one, and what is amiss."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from hven.archive.completeness import queries
from hven.core.errors import NotFoundError
from hven.service.handlers.parts import Place, Seen

router = APIRouter()


class Night(BaseModel):
    """A night of an instrument."""

    count: queries.NightCount
    lines: list[queries.Line]
    findings: list[queries.Finding]


@router.get("/ledger")
def nights(
    place: Place,
    seen: Seen,
    day_obs: int | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 30,
) -> list[queries.NightCount]:
    """Nights, the latest first."""
    there = _instruments(seen)
    return [n for n in queries.nights(place.settings, day_obs=day_obs, limit=limit) if n.instrument in there]


@router.get("/ledger/{instrument}/{day_obs}")
def night(instrument: str, day_obs: int, place: Place, seen: Seen) -> Night:
    """One night."""
    settings = place.settings
    found = [n for n in queries.nights(settings, day_obs=day_obs) if n.instrument == instrument]
    if not found or instrument not in _instruments(seen):
        raise NotFoundError(f"the ledger has no night {day_obs} of {instrument}", hint="`hven ledger` lists nights.")
    wrong = [f for f in queries.findings(settings, day_obs=day_obs) if f.instrument == instrument]
    return Night(count=found[0], lines=queries.lines(settings, instrument, day_obs), findings=wrong)


def _instruments(seen: Seen) -> set[str]:
    """Those of which the caller may see anything."""
    return {collection.name.partition("/")[0] for collection in seen.collections()}
