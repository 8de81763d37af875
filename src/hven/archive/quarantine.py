"""Quarantine: a record of every file that was not taken, and why; the original stays where it is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from hven.core.clock import now_ns
from hven.model.instrument import RawFile, RawObservation
from hven.store.paths import raw_folder
from hven.store.small_file import replace_text


class QuarantineRecord(BaseModel):
    """A file that was not taken: where it lies, its digest, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    instrument: str
    observation: str
    name: str
    bytes: int
    sha256: str
    reason: str
    time_ns: int


def quarantine_folder(root: Path, instrument: str, day_obs: int, observation: str) -> Path:
    """Folder of an observation's quarantine records."""
    archived = raw_folder(instrument, day_obs, observation)
    return root / "quarantine" / PurePosixPath(*archived.parts[1:-1])


def record(root: Path, day_obs: int, observation: RawObservation, file: RawFile, *, sha256: str, reason: str) -> Path:
    """Write the record of one file; the same bytes under the same name are recorded once."""
    folder = quarantine_folder(root, observation.instrument, day_obs, observation.observation)
    target = folder / f"{file.name.replace('/', '%2F')}.{sha256[:16]}.json"
    if target.exists():
        return target
    content = QuarantineRecord(
        path=file.origin or str(file.path),
        instrument=observation.instrument,
        observation=observation.observation,
        name=file.name,
        bytes=file.path.stat().st_size,
        sha256=sha256,
        reason=reason,
        time_ns=now_ns(),
    )
    replace_text(target, content.model_dump_json(indent=1))
    return target
