"""What carries commands out: a chore of the batch service.

Whatever it does can be done again: the name of a command's RUN collection lets its job be submitted once, and a state
is left once. A service that is killed in the middle loses nothing, and another goes on. Calibration sets are taken in
threads, which wait for their jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from hven.batch.commands.calibrate import CalibrationRun
from hven.batch.commands.model import Command, CommandState, Summary
from hven.batch.commands.outcome import summary_of
from hven.batch.commands.store import OPEN, CommandStore
from hven.batch.jobs import DirectJobs
from hven.batch.model import Job, JobState
from hven.core.errors import CancelledError, ConflictError, HvenError, InfrastructureError
from hven.telemetry.gateway import Gateway

CHANNEL = "commands"
"""Of the telemetry gateway."""

_LONGEST = 4000
_NONE = "no calibration could be made of these data"
_MOST = 1000


def publish(gateway: Gateway, command: Command) -> None:
    """Publish how a command stands; what is too long for a message is cut."""
    summary = command.summary.model_copy(update={"certified": command.summary.certified[:_MOST], "verdicts": ()})
    told = command.model_copy(update={"error": command.error[:_LONGEST], "summary": summary})
    value = told.model_dump(mode="json", exclude={"request"}) | {"pipeline": command.request.pipeline}
    gateway.publish(CHANNEL, command.request.id, value | command.request.collections)


class CommandChore:
    """Submits what was commanded, follows the jobs, and says what came of them.

    Parameters
    ----------
    store
        Table of commands.
    jobs
        Batch service in the name of the service account.
    tell
        Publishes a command as it stands; called once for each state, or once more after a crash.
    """

    name = "commands"

    def __init__(self, store: CommandStore, jobs: DirectJobs, tell: Callable[[Command], object]) -> None:
        self.store = store
        self.jobs = jobs
        self.tell = tell
        self._taking: dict[str, Future[Summary]] = {}

    def step(self) -> None:
        """Move every open command on, then publish what has changed."""
        for command in self.store.find(OPEN)[::-1]:
            try:
                self._move(command)
            except InfrastructureError:
                raise
            except (HvenError, OSError) as error:
                self.store.end(command, CommandState.FAILED, error=str(error))
        for command in self.store.untold():
            self.tell(command)
            self.store.told(command)

    def _move(self, command: Command) -> None:
        if command.state == CommandState.ACK:
            self._begin(command)
        elif command.request.calibration is not None:
            self._calibrate(command)
        elif command.job is not None:
            self._follow(command, self.jobs.get(command.job))

    def _begin(self, command: Command) -> None:
        if command.aborting:
            self.store.end(command, CommandState.ABORTED, error=command.error)
        elif command.request.calibration is not None:
            self.store.begin(command, None)
        else:
            self.store.begin(command, self.jobs.submit(command.request.job).id)

    def _calibrate(self, command: Command) -> None:
        """Take a calibration set, unless that goes on; write down what came of it."""
        taking = self._taking.get(command.request.id)
        if taking is None:
            self._taking[command.request.id] = self._start(command)
        elif taking.done():
            del self._taking[command.request.id]
            self._taken(command, taking)

    def _start(self, command: Command) -> Future[Summary]:
        taking: Future[Summary] = Future()
        run = CalibrationRun(command, self.jobs, lambda: self.store.get(command.request.id).aborting)

        def take() -> None:
            try:
                taking.set_result(run.take())
            except Exception as error:  # noqa: BLE001 - it is raised where it is looked for
                taking.set_exception(error)

        Thread(target=take, name=f"command {command.request.id}", daemon=True).start()
        return taking

    def _taken(self, command: Command, taking: Future[Summary]) -> None:
        try:
            summary = taking.result()
        except CancelledError as error:
            self.store.end(command, CommandState.ABORTED, error=command.error or error.message)
            return
        if summary.certified and not summary.errors:
            self.store.end(command, CommandState.COMPLETED, summary=summary)
        else:
            why = f"{summary.errors} of {summary.judged} products are not good enough" if summary.judged else _NONE
            self.store.end(command, CommandState.FAILED, summary=summary, error=why, hint="See the verdicts.")

    def _follow(self, command: Command, job: Job) -> None:
        if job.state.ended:
            self._end(command, job)
        elif command.aborting and not job.cancelling:
            try:
                self.jobs.cancel(job.id)
            except ConflictError:
                return  # it has ended meanwhile, and the next round sees how

    def _end(self, command: Command, job: Job) -> None:
        summary = summary_of(command, job, self.jobs)
        if job.state == JobState.DELETED:
            by = command.error or f"job {job.id} was cancelled"
            self.store.end(command, CommandState.ABORTED, summary=summary, error=by)
        elif job.state == JobState.FAILED:
            self.store.end(command, CommandState.FAILED, summary=summary, error=job.error, hint=job.hint)
        else:
            self.store.end(command, CommandState.COMPLETED, summary=summary)
