"""The pages; and what of them is drawn at the start, so that the first visitor does not wait."""

from __future__ import annotations

from bokeh.document import Document

from hven.observatory import Observatory
from hven.views import frame
from hven.views.pages import (
    alarms,
    calibrations,
    campaigns,
    jobs,
    ledger,
    live,
    nights,
    observation,
    observations,
    schedules,
    storage,
    system,
    telemetry,
    tonight,
    trends,
    triage,
)
from hven.views.url import Url

PAGES = {
    "tonight": tonight.page,
    "nights": nights.page,
    "live": live.page,
    "observations": observations.page,
    "observation": observation.page,
    "trends": trends.page,
    "alarms": alarms.page,
    "telemetry": telemetry.page,
    "jobs": jobs.page,
    "triage": triage.page,
    "campaigns": campaigns.page,
    "schedules": schedules.page,
    "calibrations": calibrations.page,
    "ledger": ledger.page,
    "storage": storage.page,
    "system": system.page,
}


_SLOW_AT_FIRST = ("tonight", "observations", "observation")
"""They load what all pages use; the others are made as fast for the first visitor as for later ones."""


def up(observatory: Observatory) -> None:
    """Make the pages that are slow the first time, and throw them away."""
    for name in _SLOW_AT_FIRST:
        frame.page(name, PAGES[name], observatory, Url()).get_root(Document())
