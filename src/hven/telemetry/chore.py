"""What the batch service does for telemetry: it is the one process that writes the store."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.telemetry.intake import Intake
from hven.telemetry.nights import Nights
from hven.telemetry.spool import Spool
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import declared

PUSHED_S = 2.0
"""Samples that were pushed are in the store after so long."""

LOOK_S = 10.0
"""Dropped files and new products are looked for so often."""


class TelemetryChore:
    """Brings samples into the store and tabulates nights that have ended, in a thread of its own: no job waits for it.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`.
    """

    name = "telemetry"

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.spool = Spool(database)
        self.intake = Intake(settings, database, TelemetryStore(settings.root), declared(settings))
        self.nights = Nights(settings, database, self.intake.store, self.intake.declared)
        self._pool = ThreadPoolExecutor(1, "telemetry")
        self._work: Future[None] | None = None
        self._next_s = self._look_s = 0.0

    def step(self) -> None:
        """Begin a round when it is due, unless one is under way; raise what came of the last."""
        work = self._work
        if work is not None:
            if work.done():
                self._work = None
                work.result()
            return
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + PUSHED_S
            self._work = self._pool.submit(self.round)

    def round(self) -> None:
        """Take what waits."""
        self.spool.drain(self.intake.store, self.intake.declared.topics)
        if time.monotonic() >= self._look_s:
            self._look_s = time.monotonic() + LOOK_S
            self.intake.files()
            with DirectRegistry(self.settings.registry_url, self.settings.root) as registry:
                self.intake.products(registry)
                self.nights.look(registry)
