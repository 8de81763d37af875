"""Write the manifest of an observation's raw files again, where a source and what was made of them vouch for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from hven.archive import quarantine, raw_manifest
from hven.archive.completeness.facts import Facts
from hven.archive.ingest import Archive
from hven.archive.products import key_of
from hven.archive.raw import alone
from hven.archive.raw_manifest import RawManifest
from hven.archive.seal import is_sealed
from hven.core.errors import AccessDeniedError, ChecksumError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.instrument import Instrument, RawObservation
from hven.store.manifest import MANIFEST
from hven.store.verified_copy import sha256_of

_DIGEST = re.compile(r'"digest": ?"([0-9a-f]{64})"\s*}\s*\Z')
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ManifestHealer:
    """Mends the manifests of raw files of a night.

    Parameters
    ----------
    archive
        Describes archived files as when they were taken in.
    instrument
        Whose they are.
    facts
        Of the night.
    """

    archive: Archive
    instrument: Instrument
    facts: Facts

    def rebuild(self, observation: RawObservation, source: str) -> str:
        """Write the manifest again from archived files and those that a source has of them; what was done, in words.

        It must have the digest of the lost one, or every L0 product of the observation must have been made of just
        these files; and what the source has must be what is archived, file by file.

        Raises
        ------
        AccessDeniedError
            When the night is sealed and this account is not root's.
        ChecksumError
            When something speaks against it, or nothing for it.
        """
        folder = self.facts.root / self.facts.raw(observation.observation).parent
        if is_sealed(folder.parent) and os.geteuid():
            raise AccessDeniedError(f"{folder.parent} is sealed", hint="Root may write its manifests again.")
        with alone(folder):
            manifest = self.archive.described(self.instrument, observation)
            _must_be_all(folder / "raw", manifest)
            _must_be_these(manifest, observation)
            why = self._vouched(folder / MANIFEST, manifest)
            self._set_aside(folder / MANIFEST, observation.observation)
            raw_manifest.save(folder, manifest)
        _log.warning("manifest written again", folder=str(folder), source=source, why=why)
        return f"written again from its {len(manifest.files)} files and {source}: {why}"

    def _vouched(self, lost: Path, manifest: RawManifest) -> str:
        """What says that a manifest is the lost one."""
        text = lost.read_bytes().decode(errors="replace") if lost.exists() else ""
        if (digest := _DIGEST.search(text)) and digest[1] == manifest.digest:
            return "it has the digest of before"
        made = [p for unit, p in self.facts.raw_products.items() if unit.observation == manifest.observation]
        if not made:
            raise ChecksumError("neither a digest nor an L0 product says that these are its files")
        datasets = dict(self.archive.maker(self.instrument).datasets(manifest))
        for product in made:
            if key_of(product.ref, datasets.get(product.ref, []), manifest) != product.quantum_key:
                raise ChecksumError(f"{product.ref} was made of other files than are archived by now")
        if lacking := sorted(str(ref) for ref in datasets.keys() - {p.ref for p in made}):
            raise ChecksumError(f"no product says of which files {lacking[0]} is made")
        return f"{len(made)} L0 products were made of just these files"

    def _set_aside(self, lost: Path, observation: str) -> None:
        """Keep what was there."""
        if not lost.exists():
            return
        place = self.facts.place
        folder = quarantine.quarantine_folder(self.facts.root, place.instrument, place.day_obs, observation)
        folder.mkdir(parents=True, exist_ok=True)
        lost.rename(folder / f"{MANIFEST}.{sha256_of(lost)[:16]}.bytes")


def _must_be_all(raw: Path, manifest: RawManifest) -> None:
    known = {record.name for record in manifest.files}
    there = {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}
    if strange := sorted(there - known):
        raise DatasetNotFoundError(f"no source knows what {strange[0]} is: bring manifest.json back from a backup")


def _must_be_these(manifest: RawManifest, observation: RawObservation) -> None:
    """Refuse a source that has other bytes: of redacted files only the source tells what the original was."""
    records = {record.name: record for record in manifest.files}
    for file in observation.files:
        if file.name not in records:
            raise ChecksumError(f"{file.name} is lost with the manifest: nobody knows whether it was archived")
        if sha256_of(file.path) != records[file.name].original_sha256:
            raise ChecksumError(f"what the source has of {file.name} is not what is archived")
