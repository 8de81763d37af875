"""Products of a night: the registry compared with the disk, and files with their manifests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hven.archive.completeness.depth import Depth
from hven.archive.completeness.facts import Facts, Unit, unit_of
from hven.archive.completeness.model import Finding, Kind
from hven.core.clock import NS, now_ns
from hven.core.errors import HvenError
from hven.model.data_id import Level
from hven.registry.direct import DirectRegistry
from hven.store.index import versions_below
from hven.store.inspect import inspect
from hven.store.manifest import MANIFEST, Manifest, check_files
from hven.store.paths import parse_product_path

YOUNG_S = 300.0
"""What was written so short a time ago may not have been registered or converted yet."""


@dataclass(frozen=True)
class ProductListing:
    """Compares the products of a night with the disk.

    Parameters
    ----------
    facts
        Of the night.
    registry
        Knows what has expired too.
    depth
        `COUNT` only asks whether they are there, `LISTING` compares names and sizes of their files, `BYTES` reads them.
    suspects
        Paths that are read at any depth.
    young_s
        What is younger is left out where something else may follow.
    check
        Called often; may raise to stop.
    """

    facts: Facts
    registry: DirectRegistry
    depth: Depth = Depth.LISTING
    suspects: Collection[str] = ()
    young_s: float = YOUNG_S
    check: Callable[[], None] = lambda: None

    def findings(self) -> Iterator[Finding]:
        """Everything amiss."""
        known = {product.path: product for product in self.facts.products}
        there = set(self._there())
        for path, product in known.items():
            self.check()
            if path not in there:
                yield self._finding(Kind.GONE, path, f"{product.ref} of {product.run}, content {product.digest[:16]}")
            elif problem := self._problem(path):
                yield self._finding(Kind.DAMAGED, path, problem)
        strange = self._strange(there - known.keys())
        for path in strange:
            if self._is_old(path / MANIFEST):
                yield self._finding(Kind.UNREGISTERED, path, "published, and the registry does not know it")
        yield from self._not_converted({unit_of(parse_product_path(path).ref) for path in strange})

    def _there(self) -> Iterator[PurePosixPath]:
        place = self.facts.place
        for level in Level:
            yield from versions_below(self.facts.root, PurePosixPath(level, place.instrument, str(place.day_obs)))

    def _strange(self, others: Collection[PurePosixPath]) -> list[PurePosixPath]:
        """Those that are not registered at all, not even as on their way out."""
        registered = set(self.registry.among([path.name for path in others]))
        return sorted(path for path in others if path.name not in registered)

    def _problem(self, path: PurePosixPath) -> str:
        """What is the matter with a product, in words; empty for nothing."""
        to_be_read = self.depth == Depth.BYTES or str(path) in self.suspects
        try:
            if to_be_read or self.depth == Depth.LISTING:
                inspect(self.facts.root, path)
            if to_be_read:
                folder = self.facts.root / path
                check_files(folder, Manifest.model_validate_json((folder / MANIFEST).read_text()))
        except HvenError as error:
            return error.message.removeprefix(f"{path}: ").removeprefix(f"{self.facts.root / path}: ")
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        return ""

    def _not_converted(self, there: Collection[Unit]) -> Iterator[Finding]:
        """Archived data of which no product is registered, nor there to be registered."""
        for unit, records in self.facts.archived.items():
            manifest = self.facts.raw(unit.observation).parent / MANIFEST
            rows = sum(r.rows for r in records)
            if rows and unit not in self.facts.raw_products and unit not in there and self._is_old(manifest):
                yield self._converted_from(unit, len(records))

    def _converted_from(self, unit: Unit, files: int) -> Finding:
        path = self.facts.raw(unit.observation).parent / unit.dataset_type / (unit.data_id or "all")
        return self._finding(Kind.NOT_CONVERTED, PurePosixPath(path), f"{files} archived files", unit.observation)

    def _is_old(self, path: Path | PurePosixPath) -> bool:
        try:
            written_ns = (self.facts.root / path).stat().st_mtime_ns
        except OSError:
            return True
        return now_ns() - written_ns >= self.young_s * NS

    def _finding(self, kind: Kind, path: PurePosixPath, detail: str, observation: str = "") -> Finding:
        place, parts = self.facts.place, path.parts
        named = observation or (parts[3] if len(parts) > 6 else "")  # noqa: PLR2004 - level, instrument, night, observation
        return Finding(
            kind=kind, instrument=place.instrument, day_obs=place.day_obs, observation=named, path=str(path),
            detail=detail,
        )  # fmt: skip
