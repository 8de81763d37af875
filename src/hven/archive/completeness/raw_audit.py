"""Raw files of a night: compared with the exposure log, with the disk by name and size, and byte for byte."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hven.archive.completeness.depth import Depth
from hven.archive.completeness.facts import Facts, Unit, night_folder
from hven.archive.completeness.model import Finding, Kind
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.model.exposure_log import Announced
from hven.store.manifest import MANIFEST
from hven.store.paths import PART
from hven.store.verified_copy import sha256_of

LIES_AT = "its bytes lie at "
"""What is said of a renamed file, before its present name."""


def count(facts: Facts) -> Iterator[Finding]:
    """Compare what was announced with what manifests hold."""
    for unit, entry in facts.announced.items():
        yield from _announced(facts, unit, entry)
    if facts.announced:
        for unit, records in facts.archived.items():
            if unit not in facts.announced:
                detail = f"{unit}, {sum(r.rows for r in records)} frames in {len(records)} files"
                yield _found(facts, Kind.UNANNOUNCED, unit.observation, records[0].name, detail)


def _announced(facts: Facts, unit: Unit, entry: Announced) -> Iterator[Finding]:
    if unit.observation in facts.manifests and facts.manifests[unit.observation] is None:
        return  # what is archived of it is not known, which is told already
    records = {record.name: record for record in facts.archived.get(unit, [])}
    wrong = list(_files(facts, unit, entry, records))
    yield from wrong
    rows = sum(record.rows for record in records.values())
    if not records and not wrong:
        yield _found(facts, Kind.NOT_ARCHIVED, unit.observation, str(unit), f"{entry.frames} frames were announced")
    elif rows < entry.frames and not wrong:
        detail = f"{unit}: {rows} of {entry.frames} announced frames"
        yield _found(facts, Kind.SHORT, unit.observation, next(iter(records)), detail)


def _files(facts: Facts, unit: Unit, entry: Announced, records: dict[str, RawRecord]) -> Iterator[Finding]:
    for file in entry.files:
        record = records.get(file.name)
        if record is None:
            yield _found(facts, Kind.NOT_ARCHIVED, unit.observation, file.name, f"{file.bytes} bytes were announced")
        elif record.original_sha256 != file.sha256:
            detail = f"announced with sha256 {file.sha256[:16]}, archived with {record.original_sha256[:16]}"
            yield _found(facts, Kind.OTHER_BYTES, unit.observation, file.name, detail)


@dataclass(frozen=True)
class RawListing:
    """Compares the files of a night with their manifests.

    Parameters
    ----------
    facts
        Of the night.
    depth
        `BYTES` reads every file.
    suspects
        Paths that are read at any depth.
    check
        Called often; may raise to stop.
    """

    facts: Facts
    depth: Depth = Depth.LISTING
    suspects: Collection[str] = ()
    check: Callable[[], None] = lambda: None

    def findings(self) -> Iterator[Finding]:
        """Everything amiss; an observation that is being written is left out."""
        for observation, manifest in self.facts.manifests.items():
            folder = night_folder(self.facts.root, self.facts.place) / self.facts.raw(observation).parent.name
            with _undisturbed(folder) as quiet:
                if quiet:
                    yield from self._observation(folder, observation, manifest)

    def _observation(self, folder: Path, observation: str, manifest: RawManifest | None) -> Iterator[Finding]:
        if manifest is None:
            path = (self.facts.raw(observation).parent / MANIFEST).as_posix()
            yield _finding(self.facts, Kind.BAD_MANIFEST, observation, path, "its files cannot be judged without it")
            return
        records = {record.name: record for record in manifest.files}
        there = dict(_listed(folder / "raw"))
        absent = [record for name, record in records.items() if record.kept and name not in there]
        unknown = {name: size for name, size in there.items() if name not in records}
        for record in absent:
            self.check()
            if other := self._elsewhere(folder / "raw", record, unknown):
                del unknown[other]
                yield _found(self.facts, Kind.RENAMED, observation, record.name, f"{LIES_AT}{other}")
            else:
                yield _found(self.facts, Kind.MISSING, observation, record.name, _whatever(record))
        for name, size in unknown.items():
            yield _found(self.facts, Kind.UNKNOWN, observation, name, f"{size} bytes; it is left as it is")
        for name in records.keys() & there.keys():
            yield from self._compare(folder / "raw" / name, observation, records[name], there[name])

    def _elsewhere(self, raw: Path, record: RawRecord, unknown: dict[str, int]) -> str:
        """Name of an unknown file with the bytes of one that is missing; empty for none."""
        alike = [name for name, size in unknown.items() if size == record.bytes]
        return next((name for name in alike if _digest(raw / name) == record.sha256), "")

    def _compare(self, path: Path, observation: str, record: RawRecord, size: int) -> Iterator[Finding]:
        self.check()
        relative = (self.facts.raw(observation) / record.name).as_posix()
        if size != record.bytes:
            kind = Kind.TRUNCATED if size < record.bytes else Kind.ALTERED
            yield _finding(self.facts, kind, observation, relative, f"{size} bytes, the manifest says {record.bytes}")
        elif self.depth == Depth.BYTES or relative in self.suspects:
            try:
                digest = sha256_of(path, check=self.check)
            except OSError as error:
                yield _finding(self.facts, Kind.UNREADABLE, observation, relative, str(error.strerror))
                return
            if digest != record.sha256:
                detail = f"sha256 {digest[:16]}, the manifest says {record.sha256[:16]}"
                yield _finding(self.facts, Kind.ALTERED, observation, relative, detail)


def _whatever(record: RawRecord) -> str:
    return f"{record.bytes} bytes, sha256 {record.sha256[:16]}"


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _listed(raw: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of files, but what is being written."""
    for base, folders, names in raw.walk():
        folders.sort()
        for name in sorted(names):
            if not name.startswith(PART):
                path = base / name
                yield path.relative_to(raw).as_posix(), path.lstat().st_size


@contextmanager
def _undisturbed(folder: Path) -> Iterator[bool]:
    """Keep ingest out of an observation meanwhile; false where it is at work in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _found(facts: Facts, kind: Kind, observation: str, name: str, detail: str) -> Finding:
    return _finding(facts, kind, observation, (facts.raw(observation) / name).as_posix(), detail)


def _finding(facts: Facts, kind: Kind, observation: str, path: str, detail: str) -> Finding:
    place = facts.place
    return Finding(
        kind=kind, instrument=place.instrument, day_obs=place.day_obs, observation=observation, path=path, detail=detail
    )
