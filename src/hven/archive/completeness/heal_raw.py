"""Put raw files back: only bytes whose sha256 stands in the manifest, and nothing else is touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hven.archive import quarantine
from hven.archive.raw import alone
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.archive.seal import is_sealed
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.instrument import Instrument, RawFile, RawObservation
from hven.store.paths import raw_folder
from hven.store.staging import fsync_folder, make_read_only
from hven.store.verified_copy import sha256_of, verified_copy, write_verified

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RawHealer:
    """Mends the raw files of one observation.

    Parameters
    ----------
    root
        Data root.
    instrument
        Whose files these are.
    manifest
        Says which bytes belong there.
    """

    root: Path
    instrument: Instrument
    manifest: RawManifest

    @property
    def raw(self) -> Path:
        """Folder of the raw files."""
        return self.root / raw_folder(self.manifest.instrument, self.manifest.day_obs, self.manifest.observation)

    def restore(self, record: RawRecord, candidates: Sequence[Path]) -> str:
        """Bring a file back from the first candidate that has its bytes; what was done, in words.

        Other bytes that lie in its place are kept in quarantine.

        Raises
        ------
        DatasetNotFoundError
            When no candidate has the bytes.
        AccessDeniedError
            When the night is sealed and this account is not root's.
        """
        self._must_be_open()
        with alone(self.raw.parent):
            target = self.raw / record.name
            if target.exists() and sha256_of(target) == record.sha256:
                return "it is whole already"
            for candidate in candidates:
                if self._restore(record, candidate, target):
                    _log.warning("restored", file=str(target), source=str(candidate))
                    return f"restored from {candidate}"
        raise DatasetNotFoundError(_none(candidates, record))

    def rename_back(self, record: RawRecord, other: str) -> str:
        """Give a file its name back; what was done, in words.

        Raises
        ------
        ConflictError
            When its place is taken, or the other file has other bytes by now.
        """
        self._must_be_open()
        with alone(self.raw.parent):
            found, target = self.raw / other, self.raw / record.name
            if target.exists() or found.is_symlink() or sha256_of(found) != record.sha256:
                raise ConflictError(f"{found} is not what it was a moment ago", hint="Run it again.")
            target.parent.mkdir(parents=True, exist_ok=True)
            found.rename(target)
            make_read_only(target)
            fsync_folder(target.parent)
        _log.warning("renamed back", file=str(target), from_name=other)
        return f"renamed back from {other}"

    def _must_be_open(self) -> None:
        night = self.raw.parents[1]
        if is_sealed(night) and os.geteuid():
            raise AccessDeniedError(f"{night} is sealed", hint="Root may put back what its manifests name.")

    def _restore(self, record: RawRecord, candidate: Path, target: Path) -> bool:
        """Publish the bytes of a file from a candidate, as they are or redacted; whether it had them."""
        digest = sha256_of(candidate)
        if digest == record.sha256:
            self._set_aside(record, target)
            verified_copy(candidate, target, sha256=record.sha256)
            return True
        if digest != record.original_sha256:
            return False
        redacted = self.instrument.redact(candidate.name, candidate.read_bytes())
        if hashlib.sha256(redacted).hexdigest() != record.sha256:
            return False
        self._set_aside(record, target)
        write_verified(redacted, target)
        return True

    def _set_aside(self, record: RawRecord, target: Path) -> None:
        """Keep what lies in a file's place, and why it was taken away."""
        if not target.exists():
            return
        digest = sha256_of(target)
        observation = RawObservation(
            self.manifest.instrument, self.manifest.observation, self.manifest.start_ns, (), complete=True
        )
        reason = f"lay in the archive instead of sha256 {record.sha256[:16]}"
        file = RawFile(target, record.name, record.role)
        note = quarantine.record(self.root, self.manifest.day_obs, observation, file, sha256=digest, reason=reason)
        kept = note.with_suffix(".bytes")
        if kept.exists():
            raise ConflictError(f"{kept} is there already", hint="Move it away and run it again.")
        target.rename(kept)


def _none(candidates: Sequence[Path], record: RawRecord) -> str:
    if not candidates:
        return "no source has a file of this name"
    return f"what the source has ({len(candidates)}) has other bytes than sha256 {record.original_sha256[:16]}"
