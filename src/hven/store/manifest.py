"""The manifest of a product: what its files are, and what is needed to index it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hven.core.errors import ChecksumError
from hven.model.digest import digest_json
from hven.store.staging import READ_ONLY

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


def record_files(folder: Path, *, seal: bool = False) -> tuple[FileRecord, ...]:
    """Read, hash and fsync every file below a folder, in order of path; `seal` takes the right to write from all."""
    top = str(folder)
    names = sorted(_files(top), key=lambda name: name.split("/"))
    if len(names) <= _FEW:
        return tuple(_record(top, name, seal=seal) for name in names)
    with ThreadPoolExecutor(_HASHERS) as pool:  # each thread gets its share at once: most files are small
        shares = [*pool.map(lambda n: [_record(top, name, seal=seal) for name in names[n::_HASHERS]], range(_HASHERS))]
    return tuple(shares[n % _HASHERS][n // _HASHERS] for n in range(len(names)))


def _files(top: str) -> Iterator[str]:
    """Paths relative to a folder."""
    for base, _, names in os.walk(top):
        below = f"{base[len(top) + 1 :]}/" if base != top else ""
        yield from (f"{below}{name}" for name in names)


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


def _record(top: str, name: str, *, seal: bool) -> FileRecord:
    with os.fdopen(os.open(f"{top}/{name}", os.O_RDONLY), "rb", buffering=0) as stream:
        digest = hashlib.file_digest(stream, "sha256")
        size = stream.tell()
        if seal:
            os.fchmod(stream.fileno(), os.fstat(stream.fileno()).st_mode & READ_ONLY)
        os.fsync(stream.fileno())
    return FileRecord(path=name, bytes=size, sha256=digest.hexdigest())
