"""What the batch service does for the ledger: compare what has changed, list nights daily, read old bytes again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from hven.archive.completeness.auditor import Auditor
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.model import Place
from hven.archive.completeness.store import CompletenessStore
from hven.core.clock import NS, now_ns
from hven.core.errors import HvenError
from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

_EVERY_NS = 30 * NS
_DAY_NS = 86400 * NS
_MB = 1_000_000
_MOST_BYTES = 256 * _MB
_LISTED_AT_ONCE = 1


class LedgerChore:
    """Keeps the ledger in a thread of its own, so that jobs do not wait for it.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`.
    """

    name = "ledger"

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.store = CompletenessStore(database)
        self._pool = ThreadPoolExecutor(1, "ledger")
        self._work: Future[None] | None = None
        self._look_ns = 0
        self._read_ns = 0

    def step(self) -> None:
        """Begin what is due, unless something is being done; raise what came of the last."""
        work = self._work
        if work is not None:
            if work.done():
                self._work = None
                work.result()
            return
        if now_ns() >= min(self._look_ns, self._read_ns):
            self._work = self._pool.submit(self.look)

    def look(self) -> None:
        """One round: nights that have changed, one that was not listed for a day, bytes that were not read for long."""
        with DirectRegistry(self.settings.registry_url, self.settings.root) as registry:
            auditor = Auditor(self.settings, registry, self.store)
            if now_ns() >= self._look_ns:
                self._look_ns = now_ns() + _EVERY_NS
                _each(auditor.reconcile, list(auditor.changed()))
                _each(lambda place: auditor.audit(place, Depth.LISTING), self._unlisted())
            if now_ns() >= self._read_ns:
                self._read_ns = now_ns() + _EVERY_NS
                self._read(auditor)

    def _unlisted(self) -> list[Place]:
        """The night that was not listed for the longest time, when that is a day."""
        due = [(ns, place) for place, ns in self.store.listed().items() if now_ns() - ns >= _DAY_NS]
        return [place for _, place in sorted(due)[:_LISTED_AT_ONCE]]

    def _read(self, auditor: Auditor) -> None:
        """Read what was not read for long, then wait as long as that may take."""
        ingest = self.settings.ingest
        found = self.store.due(now_ns() - round(ingest.reread_days * _DAY_NS), most_bytes=_MOST_BYTES)
        if found is not None:
            place, paths, size = found
            self._read_ns = now_ns() + round(size / (ingest.reread_mb_s * _MB) * NS)
            auditor.reread(place, paths)


def _each(look: Callable[[Place], object], places: Sequence[Place]) -> None:
    """Look at every night; one that cannot be read stops no other, and is told afterwards."""
    errors = []
    for place in places:
        try:
            look(place)
        except (OSError, HvenError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
