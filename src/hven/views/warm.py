"""Draw once what pages need, so that the first visitor does not wait."""

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


def everything(observatory: Observatory) -> None:
    """Make every page once and throw it away."""
    for name, maker in PAGES.items():
        frame.page(name, maker, observatory, Url()).get_root(Document())
