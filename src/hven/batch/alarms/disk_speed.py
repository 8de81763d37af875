"""Signals of how fast disks are: a small file, written again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from hven.alarms.model import Signal
from hven.batch.alarms.gather import Place
from hven.core.clock import NS

_PATIENCE_S = 1.0


class DiskSpeed:
    """Source: seconds that a small file takes to be on the disk; of one that is not there yet, so far.

    A disk that hangs is asked once, not again and again. Where this account may not write there is nothing to say.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="hven-disk-speed")
        self._asked: dict[str, tuple[int, Future[float]]] = {}

    def __call__(self, place: Place) -> Iterator[Signal]:
        """Ask the disks of data and state."""
        folders = {"data": place.settings.root / "journal", "state": place.settings.state / "batch"}
        for name, folder in folders.items():
            if name in self._asked or (folder.is_dir() and os.access(folder, os.W_OK)):
                yield Signal("disk speed", name, self._seconds(name, folder, place.now_ns), place.now_ns)

    def _seconds(self, name: str, folder: Path, now_ns: int) -> float:
        if name not in self._asked:
            self._asked[name] = now_ns, self._threads.submit(_written_s, folder)
        since_ns, future = self._asked[name]
        wait([future], _PATIENCE_S)
        if not future.done():
            return (now_ns - since_ns) / NS
        del self._asked[name]
        return future.result()


def _written_s(folder: Path) -> float:
    file = folder / f".speed-{os.getpid()}"
    begun = time.monotonic()
    try:
        with file.open("wb") as stream:
            stream.write(b"\0" * 4096)
            stream.flush()
            os.fsync(stream.fileno())
        return time.monotonic() - begun
    finally:
        file.unlink(missing_ok=True)
