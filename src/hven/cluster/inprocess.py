"""Engine of threads in this process: small work, tests, debugging."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Self

from hven.cluster.engine import Outcome
from hven.core.errors import CancelledError

_WAKE_S = 0.2


class InProcess:
    """Threads of this process.

    Parameters
    ----------
    cores
        Threads that work at the same time; 1 is a serial loop.

    Examples
    --------
    >>> with InProcess(1) as engine:
    ...     [outcome.value for outcome in engine.map(abs, [-1, -2])]
    [1, 2]
    """

    def __init__(self, cores: int = 1) -> None:
        self._cores = cores
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="hven-engine")
        self._cancelled = threading.Event()

    @property
    def cores(self) -> int:
        """Threads that may work at the same time."""
        return self._cores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def map[T, R](self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[Outcome[R]]:
        """Run a function over items; outcomes as they complete. A running item is never cut off."""
        self._cancelled.clear()
        waiting = iter(enumerate(items))
        running: dict[Future[R], int] = {}
        try:
            while True:
                self._refuse_if_cancelled()
                for index, item in islice(waiting, self._cores - len(running)):
                    running[self._pool.submit(function, item)] = index
                if not running:
                    return
                for future in wait(running, timeout=_WAKE_S, return_when=FIRST_COMPLETED).done:
                    yield _outcome(running.pop(future), future)
        finally:
            for future in running:
                future.cancel()
            wait(running)

    def _refuse_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError("stopped on request")

    def cancel(self) -> None:
        """Drop what waits; `map` ends with CancelledError when what runs has ended."""
        self._cancelled.set()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def _outcome[R](index: int, future: Future[R]) -> Outcome[R]:
    error = future.exception()
    return Outcome(index, error=error) if error else Outcome(index, value=future.result())
