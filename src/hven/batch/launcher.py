"""Starts runners, one process for each job."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import yaml

from hven.batch.forkserver import SERVES, ForkedRunner, RunnerForks
from hven.batch.lease import Lease
from hven.batch.model import Job
from hven.batch.order import Order
from hven.core.settings import Settings
from hven.pipeline.runner import lives

RUNNER = (sys.executable, "-m", "hven.batch.runner")


def job_log(settings: Settings, job_id: int) -> Path:
    """Log of a job, all attempts in one file."""
    return settings.state / "logs" / "jobs" / f"{job_id}.log"


class Launcher(Protocol):
    """Starts runners that live on when the service ends."""

    def prepare(self) -> None:
        """Load ahead of the first launch what it would wait for."""
        ...

    def launch(self, lease: Lease, job: Job) -> str:
        """Start the runner of a claimed job and come back at once.

        Returns
        -------
        str
            Process whose end is the runner's, as `hven.pipeline.runner.mark` writes it; empty where there is none on
            this machine.

        Raises
        ------
        ConfigurationError
            When there can be no runner for it, however often one tries.
        """
        ...

    def end(self, job: int, runner: str) -> bool:
        """Kill the runner of a job at once, with everything it started; false where it is out of reach.

        Parameters
        ----------
        job
            Number.
        runner
            Process that the job's table names, which another launcher may have started.
        """
        ...

    def collect(self) -> int:
        """Forget runners that have ended; gives how many of those that this launcher started have not."""
        ...

    def kill(self) -> None:
        """End the runners that this launcher started, with everything they started."""
        ...


class DirectLauncher:
    """Runners as process sessions of this machine, under the user of the service.

    Parameters
    ----------
    settings
        The site's; runners get them as a file in the state folder that only its owner can read.
    command
        Program of the runners, which can fork them.
    """

    def __init__(self, settings: Settings, *, command: Sequence[str] = RUNNER) -> None:
        self.settings = settings
        self._site = write_site(settings)
        environment = {**os.environ, "HVEN_ROOT": str(settings.root), "HVEN_STATE": str(settings.state)}
        self._forks = RunnerForks([*command, SERVES, str(self._site)], environment)
        self._running: dict[int, ForkedRunner] = {}

    def prepare(self) -> None:
        """Start the process from which runners will be forked."""
        self._forks.prepare()

    def launch(self, lease: Lease, job: Job) -> str:
        """Fork a runner whose output goes to the job's log."""
        order = Order(job.id, lease.name, str(self._site), environment=job.request.environment)
        with log_of(self.settings, job.id) as log:
            self._running[job.id] = runner = self._forks.fork(order.line(), log)
        return runner.mark

    def end(self, job: int, runner: str) -> bool:
        """Kill the runner's session."""
        own = self._running.pop(job, None)
        if own is not None:
            own.kill()
            return True
        if lives(runner):
            os.killpg(int(runner.split(":")[1]), signal.SIGKILL)
        return lives(runner) is not None

    def collect(self) -> int:
        """Forget the runners that have ended; gives how many have not."""
        self._running = {job: runner for job, runner in self._running.items() if not runner.ended()}
        return len(self._running)

    def kill(self) -> None:
        """Kill the sessions of the runners that this launcher started."""
        for runner in self._running.values():
            runner.kill()
        self._running = {}
        self._forks.close()


@contextmanager
def log_of(settings: Settings, job_id: int) -> Iterator[int]:
    """Log of a job, open to be added to: whoever inherits it can write and not read it."""
    file = job_log(settings, job_id)
    file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o640)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_site(settings: Settings) -> Path:
    """Settings as a file in the state folder that only its owner can read."""
    site = settings.state / "batch" / "site.yaml"
    site.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = site.with_name(f".{os.getpid()}.yaml")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        yaml.safe_dump(settings.model_dump(mode="json"), stream)
    part.replace(site)
    return site
