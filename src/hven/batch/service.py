"""The batch service: gives jobs to runners, as many at a time as the site has slots."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hven.batch.chore import Chore
from hven.batch.launcher import Launcher
from hven.batch.lease import JobQueue, Lease
from hven.batch.model import Job, JobState
from hven.batch.policy import Preempt
from hven.core.clock import now_ns
from hven.core.errors import ConfigurationError, ConflictError, Flavour, ServiceUnavailableError
from hven.core.logging import get_logger

POLL_S = 0.25
"""How soon a runner starts for a job that may."""

ROUND_S = 1.0
"""How often chores are done, dead runners are found, and the service says that it lives."""

STOP_S = 20.0
"""Runners get so long to stop before they are killed."""

_log = get_logger(__name__)


class BatchService:
    """The loop.

    A service that is killed leaves its runners alone: they renew their leases themselves, and the next service sees
    that. One that is stopped pauses them: their jobs go back into the queue and go on with the next service.

    Parameters
    ----------
    queue, launcher
        Where jobs come from, by which rules, and who runs them.
    heartbeat
        Rewritten every round; its modification time is the last sign of life.
    chores
        Done every round, each for itself: one that fails is tried again in the next, and stops nothing else.
    """

    def __init__(self, queue: JobQueue, launcher: Launcher, *, heartbeat: Path, chores: Sequence[Chore] = ()) -> None:
        self.queue = queue
        self.launcher = launcher
        self.heartbeat = heartbeat
        self.chores = chores
        self._claimed: list[Lease] = []
        self._ailing: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then pause the runners."""
        _log.info("batch service begins", slots=self.queue.rules.slots)
        self.launcher.prepare()
        due = time.monotonic()
        while not stop.is_set():
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + ROUND_S
                    self.step()
                else:
                    self._share_out()
            except ServiceUnavailableError as error:
                _log.warning("job table does not answer", error=error.message)
            stop.wait(POLL_S)
        self.pause()
        self.heartbeat.unlink(missing_ok=True)
        _log.info("batch service ends")

    def step(self) -> None:
        """One round: take jobs from dead runners, do the chores, start runners, say that the service lives."""
        self.launcher.collect()
        for job in self.queue.reap():
            _log.warning("runner lost", job=job)
        for chore in self.chores:
            self._do(chore)
        self._share_out()
        self._beat()

    def _share_out(self) -> None:
        """Start what may start, and let give way what has to."""
        going_on = True
        while going_on:
            self._launch_claimed()
            match self.queue.next():
                case None:
                    going_on = False
                case Preempt(kill=True) as choice:
                    going_on = self._kill(choice)
                case Preempt() as choice:
                    going_on = self.queue.give_way(choice)
                case lease:
                    self._claimed.append(lease)

    def _kill(self, choice: Preempt) -> bool:
        """Kill the runners of some jobs; one that is out of reach is asked to stop, and false is given."""
        for job in choice.victims:
            if not self.launcher.end(job, self.queue.runner(job)):
                self.queue.give_way(choice)
                return False
            self.queue.take_back(job, by=choice.by)
            _log.warning("runner killed for a job of a higher class", job=job, by=choice.by)
        return True

    def _launch_claimed(self) -> None:
        """Launch what was claimed; what could not be looked up stays claimed for the next round."""
        while self._claimed:
            job = self.queue.holder(self._claimed[0])
            lease = self._claimed.pop(0)
            if job is not None:
                self._launch(lease, job)

    def _do(self, chore: Chore) -> None:
        """Do a chore; an error is logged once, not every half second."""
        try:
            chore.step()
        except ServiceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, jobs go on
            text = f"{type(error).__name__}: {error}"
            if self._ailing.get(chore.name) != text:
                _log.exception("chore failed", chore=chore.name)
            self._ailing[chore.name] = text
        else:
            self._ailing.pop(chore.name, None)

    def _launch(self, lease: Lease, job: Job) -> None:
        """Start a runner; a job for which there can be none has failed, and the service goes on."""
        try:
            runner = self.launcher.launch(lease, job)
            _log.info("runner started", job=lease.job)
            self.queue.launched(lease, runner)
        except ConfigurationError as error:
            self._fail(lease, error.message, error.hint, "configuration")
        except OSError as error:
            self._fail(
                lease, f"no runner could be started: {error}", "The batch service's log says more.", "infrastructure"
            )

    def _fail(self, lease: Lease, error: str, hint: str, flavour: Flavour) -> None:
        _log.error("no runner", job=lease.job, error=error)
        self.queue.finish(lease, JobState.FAILED, error=error, hint=hint, flavour=flavour)

    def pause(self) -> None:
        """Put running jobs back into the queue and wait until their runners have ended."""
        self.queue.pause()
        end = time.monotonic() + STOP_S
        while (self.queue.active() or self.launcher.collect()) and time.monotonic() < end:
            self.queue.reap()
            time.sleep(0.1)
        self.launcher.kill()

    def _beat(self) -> None:
        self.heartbeat.parent.mkdir(parents=True, exist_ok=True)
        part = self.heartbeat.with_name(f".{self.heartbeat.name}.{os.getpid()}")
        part.write_text(json.dumps({"pid": os.getpid(), "time_ns": now_ns(), "running": self.queue.active()}))
        part.replace(self.heartbeat)


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the lock of the batch service; raises ConflictError where another one runs on this state folder."""
    file = state / "batch" / "lock"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError(f"a batch service runs already on {state}", hint="`hven status` shows it.") from None
        yield
