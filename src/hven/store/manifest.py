"""The manifest of a product: what its files are, and what is needed to index it."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hven.core.errors import ChecksumError
from hven.model.digest import digest_json

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
_HASHERS = 4  # they wait for the disk most of the time
_FEW = 2


class FileRecord(BaseModel):
    """One file: path relative to the manifest, bytes and sha256."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """All files of a product but the manifest itself.

    `content_digest` is that of structure, coordinates and arrays; `digest` is that of everything else in this record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    form: str
    rows: int
    begin_ns: int
    end_ns: int
    content_digest: str
    files: tuple[FileRecord, ...]
    digest: str = ""

    def sealed(self) -> Manifest:
        """With its own digest."""
        return self.model_copy(update={"digest": digest_json(self.model_dump(exclude={"digest"}))})

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)


def record_files(folder: Path) -> tuple[FileRecord, ...]:
    """Read, hash and fsync every file below a folder, in order of path."""
    files = sorted(Path(base) / name for base, _, names in os.walk(folder) for name in names)
    if len(files) <= _FEW:
        return tuple(_record(folder, file) for file in files)
    with ThreadPoolExecutor(_HASHERS) as pool:  # each thread gets its share at once: most files are small
        shares = list(pool.map(lambda n: [_record(folder, file) for file in files[n::_HASHERS]], range(_HASHERS)))
    return tuple(shares[n % _HASHERS][n // _HASHERS] for n in range(len(files)))


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file again.

    Raises
    ------
    ChecksumError
        Names every file that is missing, additional or different.
    """
    expected = {f.path: f for f in manifest.files}
    found = {f.path: f for f in record_files(folder) if f.path != MANIFEST}
    wrong = [f"{p} is missing" for p in expected if p not in found]
    wrong += [f"{p} does not belong there" for p in found if p not in expected]
    wrong += [f"{p} has changed" for p in expected if p in found and found[p] != expected[p]]
    if manifest.sealed() != manifest:
        wrong.append("the manifest itself has changed")
    if wrong:
        raise ChecksumError(f"{folder}: {'; '.join(wrong)}")


def _record(folder: Path, file: Path) -> FileRecord:
    with file.open("rb", buffering=0) as stream:
        digest = hashlib.file_digest(stream, "sha256")
        size = stream.tell()
        os.fsync(stream.fileno())
    return FileRecord(path=os.path.relpath(file, folder), bytes=size, sha256=digest.hexdigest())
