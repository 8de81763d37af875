"""Files in memory: bounded, and written down before they are let go."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hven.prompt.source import Delivery
from hven.store.staging import make_part_file
from hven.store.verified_copy import sha256_of
from hven.store.version import new_version


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a file lies on the disk, and the sha256 of its bytes."""

    path: Path
    bytes: int
    sha256: str


class Spool:
    """Folder into which files are written as they come, one folder for each observation, for `hven ingest` to archive.

    Parameters
    ----------
    folder
        Made when the first file comes.
    durable
        Whether a file is on the disk itself before it counts as stored.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self._durable = durable

    def store(self, delivery: Delivery) -> Stored:
        """Write a file, visible under its name when it is whole; one that lies on a disk already is only read."""
        if delivery.content is None:
            path = Path(delivery.path)
            return Stored(path, path.stat().st_size, sha256_of(path))
        target = self.folder / delivery.path.parent.name / delivery.path.name
        content = memoryview(delivery.content).cast("B")
        self._write(target, content)
        return Stored(target, content.nbytes, hashlib.sha256(content).hexdigest())

    def _write(self, target: Path, content: memoryview[Any]) -> None:
        part, descriptor = make_part_file(target.parent, new_version())
        try:
            written = 0
            while written < content.nbytes:
                written += os.write(descriptor, content[written:])
            if self._durable:
                os.fdatasync(descriptor)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
            os.close(descriptor)


class Memory:
    """Account of the bytes that are held in memory.

    Examples
    --------
    >>> memory = Memory(100)
    >>> memory.take(60), memory.take(60), memory.give(60), memory.take(60), memory.refused
    (True, False, None, True, 1)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = self.most = self.refused = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Whether so many more may be held."""
        with self._lock:
            fits = self.held + count <= self.limit
            self.held += count if fits else 0
            self.refused += not fits
            self.most = max(self.most, self.held)
            return fits

    def give(self, count: int) -> None:
        """Give so many back."""
        with self._lock:
            self.held -= count
