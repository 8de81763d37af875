"""Copy a file so that what lies on the disk is known: copy, fsync, read both again, compare, hash."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from hven.core.errors import ChecksumError, ConflictError, DataError
from hven.store.same_bytes import same_bytes
from hven.store.staging import READ_ONLY, fsync_folder, make_part_file
from hven.store.version import new_version

_BLOCK_BYTES = 2 << 20
_COPY_BYTES = 64 << 20


class ChangedWhileReadError(DataError):
    """The source is still being written."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes and sha256 of what was read and of what lies on the disk."""

    bytes: int
    sha256: str

    @property
    def form(self) -> tuple[int, str]:
        """Bytes and sha256, as manifests of raw files have them."""
        return self.bytes, self.sha256


def verified_copy(
    source: Path,
    target: Path,
    *,
    sha256: str = "",
    check: Callable[[], None] = lambda: None,
    approve: Callable[[], object] = lambda: None,
) -> Copied:
    """Copy a file to a new name; the name appears when its bytes are on the disk, whole, verified and read-only.

    The copy is read back from the disk, compared with the source byte for byte, and hashed: the digest is that of
    what lies on the disk.

    Parameters
    ----------
    source, target
        Paths; the target must not be there.
    sha256
        Only these bytes are published; whatever they are, if empty.
    check
        Called between blocks; may raise to stop.
    approve
        Called before the name appears; may raise to keep it from appearing.

    Raises
    ------
    ConflictError
        When the target is there already, or the source's name leads elsewhere.
    ChangedWhileReadError
        When the source changed meanwhile.
    ChecksumError
        When the disk gives other bytes back, or they are not those of `sha256`.
    """
    part, descriptor = make_part_file(target.parent, new_version())
    try:
        with open_itself(source) as file:
            before = _state(file.fileno())
            _copy(file.fileno(), descriptor, before[0], check)
            os.fsync(descriptor)
            digest, equal = _compare(file.fileno(), descriptor, check)
            if _state(file.fileno()) != before:
                raise ChangedWhileReadError(f"{source} changed while it was read")
        if not equal:
            raise ChecksumError(f"{target}: the disk gives other bytes back than {source} has")
        if sha256 not in {"", digest}:
            raise ChecksumError(f"{source} has other bytes than are wanted for {target}")
        approve()
        _publish(part, descriptor, target)
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)
    return Copied(before[0], digest)


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
        os.write(descriptor, content)
        os.fsync(descriptor)
        if sha256_of(part) != digest:
            raise ChecksumError(f"{target}: the disk gives other bytes back")
        _publish(part, descriptor, target)
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)
    return digest


def open_itself(source: Path) -> FileIO:
    """Open a file that lies where its resolved name says.

    Whoever owns the folder could put a link there between a look and the opening, and so have a file of others copied.

    Raises
    ------
    ConflictError
        When a link leads elsewhere.
    """
    elsewhere = ConflictError(f"{source}: a symbolic link is no raw file")
    try:
        stream = FileIO(os.open(source, os.O_RDONLY | os.O_NOFOLLOW))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise elsewhere from None
        raise
    if Path(f"/proc/self/fd/{stream.fileno()}").readlink() != source:
        stream.close()
        raise elsewhere
    return stream


def sha256_of(path: Path, *, check: Callable[[], None] = lambda: None) -> str:
    """sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        while count := file.readinto(buffer):
            check()
            digest.update(buffer[:count])
    return digest.hexdigest()


def _copy(source: int, target: int, size: int, check: Callable[[], None]) -> None:
    """Copy inside the kernel, no more than there was at the beginning."""
    offset = 0
    while count := os.sendfile(target, source, offset, min(_COPY_BYTES, size - offset)):
        offset += count
        check()


def _compare(source: int, target: int, check: Callable[[], None]) -> tuple[str, bool]:
    """sha256 of the target as the disk gives it back, and whether it equals the source; hashed in a second thread."""
    _read_from_disk(target)
    if os.fstat(target).st_size <= _BLOCK_BYTES:
        return _compare_one_block(source, target)
    digest, offset = hashlib.sha256(), 0
    ours, theirs = [_buffer() for _ in range(2)], _buffer()
    with ThreadPoolExecutor(1) as hasher:
        pending = hasher.submit(lambda: None)
        while count := os.preadv(target, [ours[0]], offset):
            check()
            hashing = hasher.submit(digest.update, ours[0][:count])
            if os.preadv(source, [theirs[:count]], offset) != count or not same_bytes(ours[0][:count], theirs[:count]):
                return "", False
            pending.result()
            pending, offset = hashing, offset + count
            ours.reverse()
        pending.result()
    return digest.hexdigest(), offset == os.fstat(target).st_size


def _compare_one_block(source: int, target: int) -> tuple[str, bool]:
    ours = _buffer()
    count = os.preadv(target, [ours], 0)
    content = ours[:count].tobytes()
    return hashlib.sha256(content).hexdigest(), content == os.pread(source, count, 0)


def _read_from_disk(descriptor: int) -> None:
    """Let reads pass by the page cache; where the filesystem cannot, empty it of this file."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_DIRECT)
    except OSError:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _buffer() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Memory that begins at a page, as reads from the disk need it."""
    return np.frombuffer(mmap.mmap(-1, _BLOCK_BYTES), np.uint8)


def _publish(part: Path, descriptor: int, target: Path) -> None:
    os.fchmod(descriptor, os.fstat(descriptor).st_mode & READ_ONLY)
    if target.exists():
        raise ConflictError(f"{target} is there already")
    part.rename(target)
    fsync_folder(target.parent)


def _state(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
