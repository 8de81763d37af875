"""How far the verified archive has followed live processing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hven.model.data_id import DatasetRef
from hven.model.provenance import Provenance
from hven.prompt.series import Series
from hven.store.current import read_current
from hven.store.manifest import PROVENANCE


@dataclass(slots=True)
class Archived:
    """Knows which raw files L0 products hold: each was proven to give them back when it was made."""

    root: Path
    _digests: dict[Path, frozenset[str]] = field(default_factory=dict)

    def missing(self, series: Iterable[Series]) -> int:
        """Files that live processing has written down, and that no current L0 product holds."""
        held: dict[DatasetRef, frozenset[str]] = {}
        count = 0
        for one in series:
            for ref, stored in one.stored():
                if ref not in held:
                    held[ref] = self._held(ref)
                count += stored.sha256 not in held[ref]
        return count

    def _held(self, ref: DatasetRef) -> frozenset[str]:
        version = read_current(self.root, ref)
        if version is None:
            return frozenset()
        folder = self.root / version
        if folder not in self._digests:
            made = Provenance.model_validate_json((folder / PROVENANCE).read_text())
            self._digests[folder] = frozenset(i.digest for i in made.inputs if i.role == "raw")
        return self._digests[folder]
