"""Exposures of nights, made without anybody asking: when a night has ended, and again when something came late."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from hven.core.clock import NS, day_obs, now_ns
from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.digest import digest_json
from hven.model.product import Product
from hven.model.telemetry import ExposureTable
from hven.registry.database import Database
from hven.registry.protocol import Registry
from hven.telemetry import segments
from hven.telemetry.intake_tables import TABULATED
from hven.telemetry.night import raw_of, transform
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import Declared

LOOK_S = 60.0
"""Nights are looked at so often."""

NIGHTS = 30
"""So many nights are looked at, the last that were taken; older ones are tabulated by hand."""

_log = get_logger(__name__)


class Nights:
    """Tabulates the exposures of nights that have ended, as often as what they are made from has changed.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`; knows from what each night was made last.
    store, declared
        Samples, and what there is.
    """

    def __init__(self, settings: Settings, database: Database, store: TelemetryStore, declared: Declared) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.declared = declared
        self._look_s = 0.0

    def look(self, registry: Registry) -> list[Product]:
        """Tabulate what is due; gives the tables. A night that cannot be is told once, until something changes."""
        if time.monotonic() < self._look_s:
            return []
        self._look_s = time.monotonic() + LOOK_S
        made = []
        for instrument, night in self._ended():
            source = self._source(registry, instrument, night)
            if source and source != self._known(instrument, night):
                made += self._make(registry, instrument, night)
                self._note(instrument, night, source)
        return made

    def _ended(self) -> Iterator[tuple[str, int]]:
        """The last nights that have ended, of instruments whose exposures are declared."""
        today = day_obs(now_ns(), self.settings.observatory.day_obs_offset_hours)
        for instrument in sorted(self.declared.exposures):
            folder = self.settings.root / "L0" / instrument
            nights = sorted(int(p.name) for p in folder.glob("[0-9]*") if p.name.isdigit())
            yield from ((instrument, night) for night in nights[-NIGHTS:] if night < today)

    def _source(self, registry: Registry, instrument: str, night: int) -> str:
        """Digest of what a table is made from: declaration, raw data, samples; empty where one of them is missing."""
        raw, table = raw_of(registry, instrument, night), self.declared.exposures[instrument]
        names = self._segments(raw, table) if raw else []
        if not names:
            return ""
        said = {"table": table.model_dump(mode="json"), "raw": sorted(p.id for p in raw), "segments": names}
        return digest_json(said)

    def _segments(self, raw: Sequence[Product], table: ExposureTable) -> list[str]:
        """Names of the segments that hold samples of the exposures."""
        before = max((column.staleness_s or 0.0 for column in table.columns), default=0.0) + table.before_s
        begin = min(p.begin_ns for p in raw) - round(before * NS)
        end = max(p.end_ns for p in raw) + round(table.after_s * NS)
        return [
            f"{topic}/{segment.path.name}"
            for topic in sorted({column.topic for column in table.columns})
            for day in segments.days(self.store.folder / topic, begin, end)
            for segment in segments.segments(day)
            if segment.meets(begin, end)
        ]

    def _make(self, registry: Registry, instrument: str, night: int) -> list[Product]:
        try:
            return [transform(self.settings, registry, instrument, night, user=getpass.getuser())]
        except HvenError as error:
            _log.warning("exposures not tabulated", instrument=instrument, night=night, error=str(error))
            return []

    def _known(self, instrument: str, night: int) -> str | None:
        with self.database.read() as connection:
            return connection.scalar(sa.select(TABULATED.c.source).where(*_is(instrument, night)))

    def _note(self, instrument: str, night: int, source: str) -> None:
        with self.database.write() as connection:
            connection.execute(sa.delete(TABULATED).where(*_is(instrument, night)))
            connection.execute(sa.insert(TABULATED).values(instrument=instrument, night=night, source=source))


def _is(instrument: str, night: int) -> tuple[sa.ColumnElement[bool], ...]:
    return TABULATED.c.instrument == instrument, TABULATED.c.night == night
