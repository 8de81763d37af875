"""Names that are being written: visible to nobody, owned by a living process, swept when it died."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

from hven.store.paths import PART, is_version

READ_ONLY = 0o555
"""Mode bits that something published may keep."""

FOREIGN_AGE_S = 7 * 86400.0
"""A name left by another host is taken for dead when it has not changed for so long."""


def part_name(identifier: str) -> str:
    """Name under which something is written: `.part-<uuid>.<host>`."""
    return f"{PART}{identifier}.{_host()}"


def make_part(parent: Path, identifier: str) -> tuple[Path, int]:
    """Make a folder to write in and lock it; the descriptor holds the lock until it is closed."""
    path = parent / part_name(identifier)
    while True:
        path.mkdir(parents=True, exist_ok=True)
        if (lock := _lock_own(path, os.O_RDONLY | os.O_DIRECTORY)) is not None:
            return path, lock


def make_part_file(parent: Path, identifier: str) -> tuple[Path, int]:
    """Make a file to write in and lock it; the descriptor is open for reading and writing."""
    path = parent / part_name(identifier)
    while True:
        if (lock := _lock_own(path, os.O_RDWR | os.O_CREAT)) is not None:
            return path, lock
        parent.mkdir(parents=True, exist_ok=True)


def clean_staging(root: Path) -> list[Path]:
    """Remove what dead writers left anywhere below a folder.

    A name is dead when its lock is free (writers of this host), or when it has not changed for `FOREIGN_AGE_S`
    (writers of other hosts).

    Returns
    -------
    list[Path]
        What was removed.
    """
    return [path for path in _parts(root) if _remove_dead(path)]


def make_read_only(path: Path) -> None:
    """Take the right to write from everybody; who may read stays as the folder above had it decided."""
    path.chmod(path.stat().st_mode & READ_ONLY)


def unlock(folder: Path) -> None:
    """Make a folder and its files writable again for their owner, for deletion only."""
    for base, folders, files in os.walk(folder):
        for path in (Path(base), *(Path(base, name) for name in (*folders, *files))):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o700 if path.is_dir() else 0o600))


def fsync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seal_folder(folder: str) -> None:
    """Take the right to write in a folder from everybody, and make that and the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchmod(descriptor, os.fstat(descriptor).st_mode & READ_ONLY)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _host() -> str:
    return quote(socket.gethostname(), safe="").replace(".", "%2E")


def _lock_own(path: Path, flags: int) -> int | None:
    """Lock a new name; None when it was swept between making and locking, or its folder is not there."""
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), os.fstat(descriptor)):
            return descriptor
    os.close(descriptor)
    return None


def _parts(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(PART):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and not is_version(entry.name):
            yield from _parts(Path(entry.path))


def _remove_dead(path: Path) -> bool:
    if os.geteuid() not in {0, path.lstat().st_uid}:
        return False  # its owner sweeps it: in a project's folder several people write
    if not path.name.endswith(f".{_host()}"):
        if time.time() - path.stat().st_mtime < FOREIGN_AGE_S:
            return False
        return _remove(path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _remove(path)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def _remove(path: Path) -> bool:
    if path.is_dir():
        unlock(path)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return True
