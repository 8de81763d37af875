"""Take the raw files of one observation into the archive."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hven.archive import quarantine, raw_manifest
from hven.archive.closed import why_closed
from hven.archive.ledger import Ledger, Seen
from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.archive.results import FileResult, FileState
from hven.archive.seal import is_sealed
from hven.core.clock import day_obs
from hven.core.errors import ConflictError, DataError
from hven.core.logging import get_logger
from hven.model.instrument import Inspection, Instrument, RawFile, RawObservation
from hven.store.acl import set_acl
from hven.store.paths import raw_folder
from hven.store.verified_copy import ChangedWhileReadError, open_itself, sha256_of, verified_copy, write_verified

_log = get_logger(__name__)
_SETTLED = (FileState.ARCHIVED, FileState.KNOWN, FileState.QUARANTINED)
_REDACTED = ("configuration", "log")


@dataclass(frozen=True, slots=True)
class RawArchive:
    """Where raw files go, and when they are ready.

    Parameters
    ----------
    root
        Data root.
    instrument
        Whose files these are.
    ledger
        What was seen before.
    offset_hours
        Offset of the observing day.
    settle_s
        A file of an observation that is not complete is ready when it has not changed for so long.
    check
        Called often; may raise to stop.
    progress
        Called with a file's path when work on it begins.
    acl
        Who may read a new observation, see `hven.store.classes`.
    """

    root: Path
    instrument: Instrument
    ledger: Ledger
    offset_hours: float
    settle_s: float
    check: Callable[[], None] = lambda: None
    progress: Callable[[str], None] = lambda _path: None
    acl: str = ""

    def folder(self, observation: RawObservation) -> Path:
        """Folder of an observation's raw files."""
        day = day_obs(observation.start_ns, self.offset_hours)
        return self.root / raw_folder(observation.instrument, day, observation.observation)

    def take(self, observation: RawObservation) -> tuple[list[FileResult], RawManifest]:
        """Archive every file that is ready; one bad file never stops the rest."""
        raw = self.folder(observation)
        if is_sealed(raw.parents[1]):
            return self._take_late(raw, observation)
        raw.mkdir(parents=True, exist_ok=True)
        if self.acl and not any(raw.iterdir()):
            set_acl(raw, self.acl)
        with alone(raw.parent):
            before = raw_manifest.load(raw.parent)
            known = self._known(raw, before, observation)
            results, seen = [], []
            for file in observation.files:
                self.check()
                result, status = self._take(raw, known, observation, file)
                results.append(result)
                seen += [status] if status else []
            complete = observation.complete or bool(before and before.complete)
            manifest = (before or self._empty(observation)).holding(known, complete=complete)
            if manifest != before and known:
                raw_manifest.save(raw.parent, manifest)
            self.ledger.record(seen)
        return results, manifest

    def _take_late(self, raw: Path, observation: RawObservation) -> tuple[list[FileResult], RawManifest]:
        """Compare what is archived, leave the rest where it is until an operator opens the night."""
        manifest = raw_manifest.load(raw.parent) or self._empty(observation)
        known = {record.name: record for record in manifest.files}
        results = []
        for file in observation.files:
            self.check()
            if file.name in known:
                results.append(self._compare(known[file.name], observation, file))
                continue
            reason = f"{raw.parents[1]} is sealed; `hven seal --reopen {manifest.day_obs}` lets it in"
            _log.warning("late", file=str(file.path), reason=reason)
            results.append(_result(observation, file, FileState.LATE, size=file.path.stat().st_size, reason=reason))
        return results, manifest

    def _take(
        self, raw: Path, known: dict[str, RawRecord], observation: RawObservation, file: RawFile
    ) -> tuple[FileResult, Seen | None]:
        path = str(file.path)
        try:
            status = file.path.stat()
        except OSError as error:
            return _result(observation, file, FileState.FAILED, reason=str(error)), None
        seen = self.ledger.file(path)
        unchanged = seen is not None and (seen.size, seen.mtime_ns) == (status.st_size, status.st_mtime_ns)
        if (
            unchanged
            and seen
            and seen.state in _SETTLED
            and (file.name in known or seen.state is FileState.QUARANTINED)
        ):
            state = seen.state if seen.state is FileState.QUARANTINED else FileState.KNOWN
            result = FileResult(path, observation.observation, state, status.st_size, seen.sha256, seen.reason)
            return result, None
        if not observation.complete and time.time() - status.st_mtime < self.settle_s:
            return _result(
                observation, file, FileState.WAITING, size=status.st_size, reason="may still be growing"
            ), None
        self.progress(path)
        result = self._archive(raw, known, observation, file)
        entry = Seen(
            path,
            status.st_size,
            status.st_mtime_ns,
            observation.observation,
            result.state,
            result.sha256,
            result.reason,
        )
        return result, entry

    def _archive(
        self, raw: Path, known: dict[str, RawRecord], observation: RawObservation, file: RawFile
    ) -> FileResult:
        try:
            return self._settle(raw, known, observation, file)
        except ChangedWhileReadError as error:
            return _result(observation, file, FileState.WAITING, reason=error.message)
        except (DataError, ConflictError) as error:
            return self._quarantine(observation, file, error.message)
        except RecursionError:
            return self._quarantine(observation, file, f"{file.path}: nested too deeply to be read")
        except OSError as error:
            _log.error("a file could not be archived", file=str(file.path), error=str(error))
            why = why_closed(file.path) if error.errno == errno.EACCES else str(error)
            return _result(observation, file, FileState.FAILED, reason=why)

    def _settle(self, raw: Path, known: dict[str, RawRecord], observation: RawObservation, file: RawFile) -> FileResult:
        """Compare what is archived already, refuse what cannot be, archive the rest."""
        if file.name in known:
            return self._compare(known[file.name], observation, file)
        if problem := file.problem or _contradiction(raw, file):
            return self._quarantine(observation, file, problem)
        if twin := self._twin(known, file):
            return self._compare(twin, observation, file)
        record = self._copy(raw / file.name, file) if self._copies(file) else self._note(raw, file)
        known[file.name] = record
        _log.info("archived", file=str(file.path), bytes=record.bytes)
        return _result(observation, file, FileState.ARCHIVED, size=record.original_bytes, sha256=record.original_sha256)

    def _twin(self, known: dict[str, RawRecord], file: RawFile) -> RawRecord | None:
        """The same file, archived under a name in another style."""
        canonical = self.instrument.canonical_name
        wanted = canonical(file.name)
        return next((record for name, record in known.items() if canonical(name) == wanted), None)

    def _inspect(self, file: RawFile, path: Path) -> Inspection | None:
        """Check every marker of a data file; None for other files."""
        if file.role != "data" or not file.dataset_type:
            return None
        return self.instrument.formats[file.dataset_type].inspect([path])

    def _copies(self, file: RawFile) -> bool:
        """Whether a file's bytes go into the archive at once; of others the L0 product is to give them back."""
        return self.instrument.keep_raw or file.role != "data" or not file.dataset_type

    def _note(self, raw: Path, file: RawFile) -> RawRecord:
        """Record of a file that stays where it was delivered until its L0 product is proven; torn ones are copied."""
        found = self._inspect(file, file.path)
        if found is None or found.partial or not found.rows:
            return self._copy(raw / file.name, file)
        before = file.path.stat()
        form = (before.st_size, sha256_of(file.path, check=self.check))
        after = file.path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ChangedWhileReadError(f"{file.path} changed while it was read")
        return RawRecord.of(file, found, archived=form, original=form, kept=False)

    def keep(self, observation: RawObservation, names: Collection[str]) -> None:
        """Archive data files whose L0 product could not be made or proven, as if the instrument's files were kept."""
        raw = self.folder(observation)
        with alone(raw.parent):
            manifest = raw_manifest.load(raw.parent) or self._empty(observation)
            known = {record.name: record for record in manifest.files}
            for file in observation.files:
                if file.name in names and file.name in known and not known[file.name].kept:
                    known[file.name] = self._copy(raw / file.name, file)
            raw_manifest.save(raw.parent, manifest.holding(known, complete=manifest.complete))

    def described(self, observation: RawObservation) -> RawManifest:
        """Manifest of what lies in the archive of an observation, as far as its files say; nothing is written."""
        known = self._known(self.folder(observation), None, observation)
        return self._empty(observation).holding(known, complete=observation.complete)

    def _copy(self, target: Path, file: RawFile) -> RawRecord:
        if file.role in _REDACTED:
            return self._redacted(target, file)
        if file.role != "data":
            copied = verified_copy(file.path, target, check=self.check)
            return RawRecord.of(file, None, archived=copied.form, original=copied.form)
        with ThreadPoolExecutor(1) as inspector:  # markers are checked while the disk writes
            found = inspector.submit(self._inspect, file, file.path)
            copied = verified_copy(file.path, target, check=self.check, approve=found.result)
        return RawRecord.of(file, found.result(), archived=copied.form, original=copied.form)

    def _redacted(self, target: Path, file: RawFile) -> RawRecord:
        with open_itself(file.path) as source:
            content = source.readall()
        redacted = self.instrument.redact(file.path.name, content)
        digest = write_verified(redacted, target)
        original = (len(content), hashlib.sha256(content).hexdigest())
        return RawRecord.of(file, self._inspect(file, file.path), archived=(len(redacted), digest), original=original)

    def _compare(self, record: RawRecord, observation: RawObservation, file: RawFile) -> FileResult:
        """Same bytes as archived, under this or another name: nothing to do; others: quarantine."""
        size = file.path.stat().st_size
        digest = sha256_of(file.path, check=self.check)
        if digest in {record.original_sha256, record.sha256}:
            return _result(observation, file, FileState.KNOWN, size=size, sha256=digest)
        place = "this name" if record.name == file.name else f"the name {record.name}"
        reason = f"other bytes are archived under {place} (sha256 {record.original_sha256[:16]})"
        return self._quarantine(observation, file, reason)

    def _quarantine(self, observation: RawObservation, file: RawFile, reason: str) -> FileResult:
        digest = sha256_of(file.path, check=self.check)
        day = day_obs(observation.start_ns, self.offset_hours)
        quarantine.record(self.root, day, observation, file, sha256=digest, reason=reason)
        _log.warning("quarantined", file=str(file.path), reason=reason)
        size = file.path.stat().st_size
        return _result(observation, file, FileState.QUARANTINED, size=size, sha256=digest, reason=reason)

    def _known(self, raw: Path, manifest: RawManifest | None, observation: RawObservation) -> dict[str, RawRecord]:
        """Archived files by name; one that was published just before a crash is hashed and added."""
        known = {f.name: f for f in manifest.files} if manifest else {}
        for file in observation.files:
            target = raw / file.name
            if file.name not in known and target.is_file():
                archived = (target.stat().st_size, sha256_of(target, check=self.check))
                original = self._original(file, archived)
                known[file.name] = RawRecord.of(file, self._inspect(file, target), archived=archived, original=original)
        return known

    def _original(self, file: RawFile, archived: tuple[int, str]) -> tuple[int, str]:
        if file.role not in _REDACTED:
            return archived
        content = file.path.read_bytes()
        if hashlib.sha256(self.instrument.redact(file.path.name, content)).hexdigest() != archived[1]:
            return archived
        return len(content), hashlib.sha256(content).hexdigest()

    def _empty(self, observation: RawObservation) -> RawManifest:
        return RawManifest(
            instrument=observation.instrument,
            observation=observation.observation,
            day_obs=day_obs(observation.start_ns, self.offset_hours),
            day_obs_offset_hours=self.offset_hours,
            start_ns=observation.start_ns,
        )


def _contradiction(raw: Path, file: RawFile) -> str:
    """Why a name cannot be archived, in words; empty if it can."""
    parts = Path(file.name).parts
    if not parts or Path(file.name).is_absolute() or ".." in parts or any(p.startswith(".part-") for p in parts):
        return f"the name {file.name!r} leaves the observation's folder"
    if file.path.is_symlink():
        return "a symbolic link is no raw file"
    if (raw / file.name).is_dir():
        return f"{file.name!r} is a folder in the archive"
    return ""


def _result(
    observation: RawObservation, file: RawFile, state: FileState, *, size: int = 0, sha256: str = "", reason: str = ""
) -> FileResult:
    return FileResult(str(file.path), observation.observation, state, size, sha256, reason)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other ingest processes out of an observation meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
