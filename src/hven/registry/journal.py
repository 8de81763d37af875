"""Facts that people add, appended to files under the data root before their row: the disk is the truth."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from hven.core.errors import DataError, HvenError

Entry = dict[str, Any]

EDITS = Path("journal", "collections.jsonl")
"""Collections, tags and validities, below the data root."""

QUANTA = Path("journal", "quanta.jsonl")
"""Quantum records, below the data root."""

_MEND = "Restore the journal from a backup."


class Journal:
    """One append-only file of JSON lines; safe between processes.

    A line that a crash has cut short was never answered for: reading leaves it out, the next append removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries to the disk; they are there when this returns."""
        lines = "".join(f"{json.dumps(entry, separators=(',', ':'))}\n" for entry in entries).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            cut_torn_line(file.fileno())
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self.path.parent)

    def entries(self, onerror: Callable[[HvenError], None] | None = None) -> Iterator[Entry]:
        """All entries, oldest first; `onerror` is told of broken lines, which are then left out.

        Raises
        ------
        DataError
            When a line is broken and there is no `onerror`.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    entry = dict(json.loads(line))
                except (TypeError, ValueError) as reason:
                    error = DataError(f"{self.path}: line {number} is broken: {reason}", hint=_MEND)
                    if onerror is None:
                        raise error from None
                    onerror(error)
                else:
                    yield entry


def cut_torn_line(descriptor: int) -> None:
    """Take a last line that has no end away from an open file."""
    size = end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
