"""A runner's line to the job table: lives in a thread beside the work."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from hven.batch.lease import Lease, RunnerSide
from hven.batch.model import QuantumLine, Wish
from hven.batch.triage.model import Decision
from hven.core.errors import ConflictError, ServiceUnavailableError
from hven.core.logging import get_logger
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.stacks import MOST, most_of

PERIOD_S = 1.0
_AGAIN_S = 0.5
_ENDED = frozenset(QuantumState) - {QuantumState.NOT_RUN, QuantumState.RUNNING}

_log = get_logger(__name__)


class Watch:
    """Renews the lease, hands progress on, and stops the work when somebody wants it stopped or the lease is lost.

    Parameters
    ----------
    queue, lease
        The job.

    Attributes
    ----------
    wish
        What the runner should do.
    lost
        Another runner has the job: nothing may be reported any more.
    """

    def __init__(self, queue: RunnerSide, lease: Lease) -> None:
        self.queue = queue
        self.lease = lease
        self.wish = Wish.NONE
        self.lost = False
        self._lines: list[QuantumLine] = []
        self._stacks: dict[str, Counter[str]] = {}
        self._total = 0
        self._message = ""
        self._lock = threading.RLock()  # a signal may stop the work while its thread holds the lock
        self._end = threading.Event()
        self._stopped = threading.Event()
        self._stop: Callable[[], None] = _nothing
        self._alive = time.monotonic()
        self._period = min(PERIOD_S, queue.lease_s / 4)
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, with all progress handed on."""
        self._end.set()
        self._thread.join()
        if not self.lost:
            patiently(self._flush, self.queue.lease_s)
        if not self.lost and self._stacks:
            patiently(lambda: self.queue.profile(self.lease, self._stacks), self.queue.lease_s)

    @property
    def stopping(self) -> bool:
        """The work should stop."""
        return self._stopped.is_set()

    @property
    def yielding(self) -> bool:
        """The work should end with the quanta that have begun."""
        return self.wish == Wish.YIELD

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the work should stop; at once where it should already."""
        with self._lock:
            self._stop = stop
            late = self.stopping
        if late:
            stop()

    def stop(self, wish: Wish) -> None:
        """Stop the work; to give way, it goes on until the quanta that have begun are done."""
        with self._lock:
            if self.stopping:
                return
            self.wish = wish
            if wish == Wish.YIELD:
                return
            self._stopped.set()
            stop = self._stop
        stop()

    def expect(self, total: int, message: str = "") -> None:
        """Say how many quanta there are, and what happens now."""
        with self._lock:
            self._total = total
            self._message = message or self._message

    def remark(self, message: str) -> None:
        """Say something of the job as a whole."""
        with self._lock:
            self._message = message or self._message

    def decisions(self) -> list[Decision]:
        """What people decided about kinds of failures."""
        return self.queue.decisions(self.lease)

    def add(self, records: Iterable[QuantumRecord]) -> None:
        """Take note of quanta that have ended."""
        lines = [_line(record) for record in records if record.state in _ENDED]
        with self._lock:
            self._lines += lines

    def sample(self, step: str, stacks: Mapping[str, int]) -> None:
        """Take note of where the time of a block went; it is handed on at the end."""
        taken = self._stacks.setdefault(step, Counter())
        taken.update(stacks)
        if len(taken) > 2 * MOST:
            self._stacks[step] = most_of(taken)

    def _loop(self) -> None:
        while not self._end.wait(self._period):
            try:
                self._flush()
                wish = self.queue.renew(self.lease)
                self._alive = time.monotonic()
            except ConflictError as error:
                _log.error("job lost", job=self.lease.job, error=error.message)
                self._lose()
            except ServiceUnavailableError as error:
                _log.warning("job table does not answer", error=error.message)
                if time.monotonic() - self._alive > self.queue.lease_s:
                    self._lose()
            except BaseException:
                self._lose()
                raise
            else:
                if wish != Wish.NONE:
                    self.stop(wish)

    def _lose(self) -> None:
        self.lost = True
        self._end.set()
        self.stop(Wish.NONE)

    def _flush(self) -> None:
        with self._lock:
            lines, total, message = self._lines, self._total, self._message
            self._lines = []
        try:
            self.queue.report(self.lease, lines, total=total, message=message)
        except ServiceUnavailableError:
            with self._lock:
                self._lines = lines + self._lines
            raise


def patiently(act: Callable[[], None], patience_s: float) -> None:
    """Do it again while the job table does not answer, for some time."""
    end = time.monotonic() + patience_s
    while True:
        try:
            act()
        except ServiceUnavailableError as error:
            if time.monotonic() > end:
                raise
            _log.warning("job table does not answer", error=error.message)
            time.sleep(_AGAIN_S)
        else:
            return


def _nothing() -> None:
    """There is no work to stop yet."""


def _line(record: QuantumRecord) -> QuantumLine:
    return QuantumLine(
        step=record.step,
        data_id=str(record.data_id),
        state=record.state,
        reused=record.reused,
        error=record.error,
        flavour=record.flavour,
        wall_s=record.wall_s,
        ended_ns=record.ended_ns,
    )
