"""Where files come from while they are taken: a program that has them in memory, a replay, a watched folder."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Protocol

from hven.core.clock import NS, now_ns
from hven.core.errors import FormatError
from hven.model.instrument import Instrument, NamedFile

ORDER = {"configuration": 0, "log": 1, "data": 2, "sentinel": 3}
"""In which files of an observation are given by their role: what says how to read them comes first."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file that has come.

    Parameters
    ----------
    path
        ``<folder of the observation>/<name>``; where it lies, unless it has content.
    content
        Its bytes, in memory: anything with the buffer protocol.
    arrived_ns
        When it came, or was to come, UTC: latencies count from here.
    """

    path: PurePath
    content: Any = None
    arrived_ns: int = field(default_factory=now_ns)

    @property
    def bytes_in_memory(self) -> int:
        """Size of its content; 0 where it lies on a disk."""
        return 0 if self.content is None else memoryview(self.content).nbytes


class Source(Protocol):
    """Gives files one after the other, each once."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    def take(self, timeout_s: float) -> Delivery | None:
        """The next file; None where none came in time."""
        ...


class MemorySource:
    """Files that a program hands over, e.g. the one that reads the cameras; `put` waits while `most` are waiting."""

    def __init__(self, most: int = 64) -> None:
        self._files: queue.Queue[Delivery] = queue.Queue(most)
        self._closed = threading.Event()

    def put(self, path: PurePath, content: Any) -> None:
        """Hand a file over; its bytes must not change any more."""
        self._files.put(Delivery(path, content))

    def close(self) -> None:
        """Say that nothing more will come."""
        self._closed.set()

    @property
    def ended(self) -> bool:
        """Whether it was closed and all was taken."""
        return self._closed.is_set() and self._files.empty()

    def take(self, timeout_s: float) -> Delivery | None:
        """The next file; None where none came in time."""
        try:
            return self._files.get(timeout=timeout_s)
        except queue.Empty:
            return None


Batch = Sequence[tuple[PurePath, Any]]
"""Files that come at the same moment: paths and contents."""


class Replay:
    """Files from memory at a steady rate, as if they were being taken.

    Parameters
    ----------
    batches
        What comes together.
    rate_hz
        Batches a second; each counts as arrived when it is due, whether or not somebody was there to take it.
    """

    def __init__(self, batches: Iterator[Batch], rate_hz: float) -> None:
        self._batches, self._step_ns = batches, NS / rate_hz
        self._begin_ns, self._number, self._ready = 0, 0, list[Delivery]()
        self.ended = False

    def take(self, timeout_s: float) -> Delivery | None:
        """The next file when it is due; None where that is later."""
        if not self._ready:
            self._draw()
        wait_s = (self._ready[0].arrived_ns - now_ns()) / NS if self._ready else timeout_s
        time.sleep(min(max(wait_s, 0.0), timeout_s))
        return self._ready.pop(0) if self._ready and wait_s <= timeout_s else None

    def _draw(self) -> None:
        self._begin_ns = self._begin_ns or now_ns()
        due = self._begin_ns + round(self._number * self._step_ns)
        batch = next(self._batches, None)
        self._number += 1
        self._ready = [Delivery(path, content, due) for path, content in batch or ()]
        self.ended = batch is None


class Watched:
    """Files that appear in the observations' folders below one; hidden ones are still being copied.

    A data file is taken once its format finds it whole, or when it has not changed for `patience_s`: then it was torn.
    Folders are polled, because network filesystems do not tell of changes.

    Parameters
    ----------
    folder
        An observation's folder, or one of several.
    instrument
        Knows names and formats.
    poll_s
        Seconds between looks.
    patience_s
        How long a file that is not whole is waited for.
    done
        Whether an observation was dealt with before; one that had ended when it was first seen is then left alone.
    """

    def __init__(
        self,
        folder: Path,
        instrument: Instrument,
        *,
        poll_s: float,
        patience_s: float,
        done: Callable[[str], bool] = lambda _observation: False,
    ) -> None:
        self._folder, self._instrument, self._done = folder, instrument, done
        self._poll_s, self._patience_s = poll_s, patience_s
        self._taken: set[Path] = set()
        self._seen: set[Path] = set()
        self._ready: list[Delivery] = []
        self.ended = False

    def take(self, timeout_s: float) -> Delivery | None:
        """The next file; None where none came in time."""
        until = time.monotonic() + timeout_s
        while not self._ready:
            self._ready = [Delivery(path) for path in self._new()]
            left = until - time.monotonic()
            if self._ready or left <= 0:
                break
            time.sleep(min(self._poll_s, left))
        return self._ready.pop(0) if self._ready else None

    def _new(self) -> list[Path]:
        """Files that can be taken now, configurations before data, sentinels last."""
        folders = [self._folder, *(p for p in self._folder.iterdir() if p.is_dir() and not p.name.startswith("."))]
        found = []
        for folder in folders:
            self._look(folder)
        for path in (p for folder in folders for p in folder.iterdir() if p not in self._taken):
            named = None if path.name.startswith(".") else self._named(path)
            if named and self._is_whole(path, named):
                found.append((ORDER[named.file.role], named.file.sequence, path))
        self._taken |= {path for *_, path in found}
        return [path for *_, path in sorted(found)]

    def _look(self, folder: Path) -> None:
        """At a folder that is seen for the first time: leave it alone where its observation was dealt with."""
        if folder in self._seen:
            return
        self._seen.add(folder)
        named = {path: self._named(path) for path in folder.iterdir()}
        ended = {n.observation for n in named.values() if n and n.file.role == "sentinel"}
        self._taken |= {path for path, n in named.items() if n and n.observation in ended and self._done(n.observation)}

    def _named(self, path: Path) -> NamedFile | None:
        name_file = self._instrument.name_file
        return name_file(path) if name_file and path.is_file() and not path.is_symlink() else None

    def _is_whole(self, path: Path, named: NamedFile) -> bool:
        try:
            idle_s = time.time() - path.stat().st_mtime
            if named.file.role != "data":
                return named.file.role == "sentinel" or idle_s > self._poll_s
            found = self._instrument.formats[named.file.dataset_type].inspect([path])
        except FormatError:
            return idle_s > self._patience_s
        except FileNotFoundError:
            return False
        return (found.rows > 0 and not found.partial) or idle_s > self._patience_s
