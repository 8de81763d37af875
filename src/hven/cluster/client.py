"""Engine on a Dask client; what Dask's failures are called here."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker, NoValidWorkerError

from hven.cluster.engine import Outcome
from hven.core.errors import (
    CancelledError,
    CommunicationFailedError,
    ConfigurationError,
    HvenError,
    OutOfMemoryError,
    WorkerLostError,
)

if TYPE_CHECKING:
    from distributed import Client, Future

_WAKE_S = 1.0
_RESTART_S = 300.0  # starting Python on a busy machine takes its time
_EVENT_TRIES, _EVENT_WAIT_S = 5, 0.2
_LOST = (CommClosedError, FutureCancelledError, NoValidWorkerError)


class ClientEngine:
    """A Dask client as an engine; the client stays the caller's, who closes it.

    An item whose worker dies is run once more, alone: neighbours of a deadly item do not die with it.

    Raises
    ------
    ConfigurationError
        For a scheduler that listens without encryption.
    """

    def __init__(self, client: Client) -> None:
        _refuse_open(client.scheduler_info(n_workers=0)["address"])
        self._client = client
        self._cancelled = threading.Event()

    @property
    def cores(self) -> int:
        """Threads of all workers."""
        return sum(self._client.nthreads().values()) or 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def map[T, R](self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[Outcome[R]]:
        """Run a module-level function over items; outcomes as they complete, in any order."""
        self._cancelled.clear()
        suspects = []
        for outcome in self._run(function, items, range(len(items)), 2 * self.cores):
            if isinstance(outcome.error, KilledWorker):
                suspects.append(outcome.index)
            else:
                yield outcome
        for outcome in self._run(function, items, suspects, 1):
            yield Outcome(outcome.index, outcome.value, self._named(outcome.error))

    def _run[T, R](
        self, function: Callable[[T], R], items: Sequence[T], indices: Iterable[int], window: int
    ) -> Iterator[Outcome[R]]:
        ended: queue.Queue[Future[Any]] = queue.Queue()
        running: dict[Future[Any], int] = {}
        waiting = iter(indices)
        try:
            while True:
                for index in islice(waiting, window - len(running)):
                    try:
                        future = self._client.submit(function, items[index], pure=False)
                    except ClosedClientError:
                        yield Outcome(index, error=_no_answer())
                        continue
                    running[future] = index
                    future.add_done_callback(ended.put)
                if not running:
                    yield from (Outcome(index, error=_no_answer()) for index in waiting)
                    return
                future = self._next(ended, running)
                yield self._outcome(running.pop(future), future)
        finally:
            if running:
                self._drop(list(running))

    def _next(self, ended: queue.Queue[Future[Any]], running: dict[Future[Any], int]) -> Future[Any]:
        while True:
            if self._cancelled.is_set():
                raise CancelledError("stopped on request")
            broken = self._broken() is not None
            try:
                return ended.get(timeout=0 if broken else _WAKE_S)
            except queue.Empty:
                if broken:
                    return next(iter(running))

    def _broken(self) -> HvenError | None:
        """Why nothing that waits will ever be done; None while it may."""
        return _no_answer() if self._client.status == "closed" else None

    def _outcome(self, index: int, future: Future[Any]) -> Outcome[Any]:
        if self._client.status == "closed" or future.status == "pending":
            return Outcome(index, error=self._broken())
        try:
            return Outcome(index, value=future.result())
        except KilledWorker as error:
            return Outcome(index, error=error)
        except Exception as error:  # noqa: BLE001 - an item's error is the item's outcome
            return Outcome(index, error=self._named(error))
        finally:
            future.release()

    def _named(self, error: BaseException | None) -> BaseException | None:
        if isinstance(error, KilledWorker):
            return self._death(error)
        if isinstance(error, _LOST):
            return CommunicationFailedError(f"the cluster lost this work: {error}", hint="Run it again.")
        return error

    def _death(self, error: KilledWorker) -> HvenError:
        address = error.last_worker.address
        if self._ended_for_memory(address):
            return OutOfMemoryError(
                f"worker {address} was ended because it used more memory than it may",
                hint="Choose a profile with more memory per worker.",
            )
        return WorkerLostError(f"worker {address} died", hint="Its log says more; running again may help.")

    def _ended_for_memory(self, address: str) -> bool:
        for _ in range(_EVENT_TRIES):
            events = self._client.get_events("worker-restart-memory")
            if any(event["worker"] == address for _, event in events):
                return True
            time.sleep(_EVENT_WAIT_S)  # the nanny's note may come after the news of the death
        return False

    def _drop(self, futures: list[Future[Any]]) -> None:
        """Forget work that waits; what runs in another's cluster ends by itself."""
        if self._client.status != "closed":
            self._client.cancel(futures, force=True)

    def cancel(self) -> None:
        """Drop what waits; `map` ends with CancelledError."""
        self._cancelled.set()

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


class StartedEngine(ClientEngine):
    """Engine on workers that were started for it alone.

    Parameters
    ----------
    client
        Of their scheduler.
    cores
        Threads of all workers, those that are being started again included.
    """

    def __init__(self, client: Client, cores: int) -> None:
        super().__init__(client)
        self._cores = cores

    @property
    def cores(self) -> int:
        """Threads of all workers."""
        return self._cores

    def _drop(self, futures: list[Future[Any]]) -> None:
        """End the workers' processes: what runs must not go on writing."""
        super()._drop(futures)
        if self._cancelled.is_set() and self._client.status == "running":
            self._client.restart(timeout=_RESTART_S)


def _no_answer() -> CommunicationFailedError:
    return CommunicationFailedError("the scheduler does not answer")


def _refuse_open(address: str) -> None:
    if not address.startswith(("tls://", "inproc://")):
        raise ConfigurationError(
            f"the scheduler at {address} is open to every user of this machine",
            hint="Use `obs.client()`, or a cluster with TLS (tls://) or in this process (inproc://).",
        )
