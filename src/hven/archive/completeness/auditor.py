"""Looks at nights and keeps the ledger: what has changed, a night closely, and old bytes one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import sqlalchemy as sa

from hven import instruments
from hven.archive.completeness import exposures
from hven.archive.completeness.asked import awaited
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.facts import Facts, gather, night_folder
from hven.archive.completeness.lines import lines
from hven.archive.completeness.model import Finding, Kind, Place
from hven.archive.completeness.product_audit import YOUNG_S, ProductListing
from hven.archive.completeness.raw_audit import RawListing, count
from hven.archive.completeness.store import CompletenessStore
from hven.core.clock import now_ns
from hven.core.errors import DatasetNotFoundError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.digest import digest_json
from hven.registry.direct import DirectRegistry
from hven.registry.schema import product
from hven.store.manifest import MANIFEST

_COUNTED = {Kind.NOT_ARCHIVED, Kind.SHORT, Kind.OTHER_BYTES, Kind.UNANNOUNCED}
_BY_BYTES = {Kind.ALTERED, Kind.UNREADABLE, Kind.DAMAGED}
"""Found only by reading; a look at names and sizes does not say that they are gone."""

_log = get_logger(__name__)


class Auditor:
    """Compares the nights of a site.

    Parameters
    ----------
    settings
        Of the site.
    registry
        Index of its products.
    store
        Keeps what is found.
    young_s
        What is younger may not have been registered or converted yet.
    check
        Called often; may raise to stop.
    """

    def __init__(
        self,
        settings: Settings,
        registry: DirectRegistry,
        store: CompletenessStore,
        *,
        young_s: float = YOUNG_S,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self.young_s = max(young_s, settings.ingest.settle_s if young_s else 0.0)
        self.check = check

    def nights(self) -> list[Place]:
        """Every night of which something was announced or archived, the latest first."""
        found = set(exposures.nights(self.settings.root))
        for folder in (self.settings.root / "L0").glob("*/[0-9]*"):
            if folder.name.isdigit() and folder.is_dir():
                found.add(Place(folder.parent.name, int(folder.name)))
        known = [place for place in found if place.instrument in self.settings.instruments]
        return sorted(known, key=lambda place: (-place.day_obs, place.instrument))

    def changed(self) -> Iterator[Place]:
        """Nights of which anything is newer than the ledger, the latest first."""
        before, registered = self.store.fingerprints(), _registered(self.registry)
        for place in self.nights():
            if before.get(place) != self._fingerprint(place, registered.get(place, [])):
                yield place

    def reconcile(self, place: Place) -> None:
        """Bring the lines of a night up to date; reads records, names and sizes, no data."""
        self._look(place, Depth.COUNT)

    def audit(self, place: Place, depth: Depth) -> list[Finding]:
        """Look at a night closely; everything amiss in it, also what was found before by looking more closely."""
        if depth == Depth.COUNT:
            facts = gather(self.settings.root, self.registry, place)
            self.store.decide(place, _COUNTED, count(facts))
        else:
            self._look(place, depth)
        return self.store.findings(place)

    def reread(self, place: Place, paths: Collection[str]) -> None:
        """Read some raw files and products again."""
        facts = gather(self.settings.root, self.registry, place)
        found = [f for f in self._found(facts, Depth.COUNT, paths) if f.path in paths]
        self.store.decide(place, _BY_BYTES, [f for f in found if f.kind in _BY_BYTES], paths=paths)
        self.store.was_read(paths)
        for finding in found:
            _log.error("amiss", kind=str(finding.kind), path=finding.path, detail=finding.detail)

    def _look(self, place: Place, depth: Depth) -> None:
        """Compare a night and write down its lines; a look at records alone says nothing of bytes."""
        suspects = {f.path for f in self.store.findings(place, kinds=_BY_BYTES)} if depth != Depth.COUNT else set()
        kinds = set(Kind) - (_BY_BYTES if depth == Depth.COUNT else set())
        facts = gather(self.settings.root, self.registry, place)
        fingerprint = self._fingerprint(place, _registered(self.registry, place).get(place, []))
        found = [*count(facts), *self._found(facts, depth, suspects)]
        found += awaited(facts, self.store.findings(place, kinds={Kind.ASKED}))
        self.store.decide(place, kinds, [f for f in found if f.kind in kinds])
        for finding in found:
            if finding.kind not in kinds:
                self.store.note(finding)
        made = lines(facts, self.store.findings(place), instruments.load(place.instrument))
        listed_ns = None if depth == Depth.COUNT else now_ns()
        self.store.put(place, fingerprint=fingerprint, logged=bool(facts.announced), lines=made, listed_ns=listed_ns)
        sizes = dict(_sizes(facts))
        self.store.keep_reading(place, sizes)
        if depth == Depth.BYTES:
            self.store.was_read(sizes)

    def _found(self, facts: Facts, depth: Depth, suspects: Collection[str]) -> Iterator[Finding]:
        yield from RawListing(facts, depth, suspects, self.check).findings()
        listing = ProductListing(facts, self.registry, depth, suspects, self.young_s, self.check)
        yield from listing.findings()

    def _fingerprint(self, place: Place, registered: list[object]) -> str:
        """Changes when files were announced, archived or removed, or products were registered."""
        folder = night_folder(self.settings.root, place)
        files = [exposures.file_of(self.settings.root, place)]
        for observation in sorted(folder.glob("*")):
            files += [observation / MANIFEST, observation / "raw"]
        return digest_json([[str(f.relative_to(self.settings.root)), *_state(f)] for f in files] + [registered])


def places(auditor: Auditor, nights: Collection[int]) -> list[Place]:
    """Places of some nights (of all if empty); DatasetNotFoundError for one of which nothing is known."""
    known = auditor.nights()
    if absent := set(nights) - {place.day_obs for place in known}:
        raise DatasetNotFoundError(
            f"nothing was announced or archived of {', '.join(map(str, sorted(absent)))}",
            hint="`hven ledger` lists the nights.",
        )
    return [place for place in known if not nights or place.day_obs in nights]


def _state(file: Path) -> list[int]:
    try:
        status = file.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _registered(registry: DirectRegistry, place: Place | None = None) -> dict[Place, list[object]]:
    """By night, how many products are registered, and the newest of them."""
    columns = (product.c.instrument, product.c.day_obs)
    query = sa.select(*columns, sa.func.count().label("n"), sa.func.max(product.c.id).label("last"))
    query = query.where(product.c.day_obs.is_not(None)).group_by(*columns)
    if place is not None:
        query = query.where(product.c.instrument == place.instrument, product.c.day_obs == place.day_obs)
    with registry.database.read() as connection:
        return {Place(row.instrument, row.day_obs): [row.n, row.last] for row in connection.execute(query)}


def _sizes(facts: Facts) -> Iterator[tuple[str, tuple[int, int]]]:
    """Raw files and products by path: bytes, and when they were verified as they were written."""
    for observation, manifest in facts.manifests.items():
        for record in (r for r in manifest.files if r.kept) if manifest else ():
            path = facts.raw(observation) / record.name
            _size, written_ns = _state(facts.root / path) or [0, 0]
            yield path.as_posix(), (record.bytes, written_ns)
    for one in facts.products:
        yield str(one.path), (one.size_bytes, one.created_ns)
