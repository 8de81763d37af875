"""Copy a file so that what lies on the disk is known to be what was read: hash, write, fsync, read again, hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hven.core.errors import ChecksumError, ConflictError, DataError
from hven.store.staging import fsync_folder, make_part_file
from hven.store.version import new_version

_BLOCK_BYTES = 8 << 20


class ChangedWhileReadError(DataError):
    """The source is still being written."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes and sha256 of what was read and of what lies on the disk."""

    bytes: int
    sha256: str


def verified_copy(source: Path, target: Path, *, check: Callable[[], None] = lambda: None) -> Copied:
    """Copy a file to a new name; the name appears when its bytes are on the disk, whole, verified and read-only.

    Parameters
    ----------
    source, target
        Paths; the target must not be there.
    check
        Called between blocks; may raise to stop.

    Raises
    ------
    ConflictError
        When the target is there already.
    ChangedWhileReadError
        When the source changed meanwhile.
    ChecksumError
        When the disk gives other bytes back.
    """
    before = _state(source)
    part, descriptor = make_part_file(target.parent, new_version())
    try:
        size, digest = _copy(source, descriptor, check)
        if _state(source) != before:
            raise ChangedWhileReadError(f"{source} changed while it was read")
        _publish(part, descriptor, target, digest, check)
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)
    return Copied(size, digest)


def write_verified(content: bytes, target: Path) -> str:
    """Write bytes as `verified_copy` writes a file; gives their sha256.

    Raises
    ------
    ConflictError
        When the target is there already.
    ChecksumError
        When the disk gives other bytes back.
    """
    digest = hashlib.sha256(content).hexdigest()
    part, descriptor = make_part_file(target.parent, new_version())
    try:
        _write_all(descriptor, memoryview(content))
        _publish(part, descriptor, target, digest, lambda: None)
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)
    return digest


def sha256_of(path: Path, *, check: Callable[[], None] = lambda: None) -> str:
    """sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        while count := file.readinto(buffer):
            check()
            digest.update(buffer[:count])
    return digest.hexdigest()


def _copy(source: Path, descriptor: int, check: Callable[[], None]) -> tuple[int, str]:
    """Copy and hash in one pass; a second thread hashes one block while the next is read and written."""
    digest, size = hashlib.sha256(), 0
    buffers = [memoryview(bytearray(_BLOCK_BYTES)) for _ in range(2)]
    with source.open("rb", buffering=0) as file, ThreadPoolExecutor(1) as hasher:
        pending = None
        while count := file.readinto(buffers[0]):
            check()
            block = buffers[0][:count]
            if pending:
                pending.result()
            pending = hasher.submit(digest.update, block)
            _write_all(descriptor, block)
            size += count
            buffers.reverse()
        if pending:
            pending.result()
    return size, digest.hexdigest()


def _publish(part: Path, descriptor: int, target: Path, digest: str, check: Callable[[], None]) -> None:
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    found = sha256_of(part, check=check)
    if found != digest:
        raise ChecksumError(f"{target}: the disk gave other bytes back ({found[:12]} for {digest[:12]})")
    os.fchmod(descriptor, 0o444)
    if target.exists():
        raise ConflictError(f"{target} is there already")
    part.rename(target)
    fsync_folder(target.parent)


def _write_all(descriptor: int, block: memoryview) -> None:
    while block:
        block = block[os.write(descriptor, block) :]


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
