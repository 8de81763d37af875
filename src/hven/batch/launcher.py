"""Starts runners, one process for each job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import yaml

from hven.batch.lease import Lease
from hven.core.settings import Settings

RUNNER = (sys.executable, "-m", "hven.batch.runner")


def job_log(settings: Settings, job_id: int) -> Path:
    """Log of a job, all attempts in one file."""
    return settings.state / "logs" / "jobs" / f"{job_id}.log"


class Launcher(Protocol):
    """Starts runners that live on when the service ends."""

    def launch(self, lease: Lease) -> None:
        """Start the runner of a claimed job and come back at once."""
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
        What to run; job number, lease and settings file follow.
    """

    def __init__(self, settings: Settings, *, command: Sequence[str] = RUNNER) -> None:
        self.settings = settings
        self.command = command
        self._site = _write_site(settings)
        self._running: list[subprocess.Popen[bytes]] = []

    def launch(self, lease: Lease) -> None:
        """Start a runner whose output goes to the job's log."""
        log = job_log(self.settings, lease.job)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*self.command, str(lease.job), lease.name, str(self._site)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={**os.environ, "HVEN_ROOT": str(self.settings.root), "HVEN_STATE": str(self.settings.state)},
            )
        self._running.append(process)

    def collect(self) -> int:
        """Reap the processes that have ended; gives how many have not."""
        self._running = [process for process in self._running if process.poll() is None]
        return len(self._running)

    def kill(self) -> None:
        """Kill the sessions of the runners that this launcher started."""
        self.collect()
        for process in self._running:
            os.killpg(process.pid, 9)
            process.wait()
        self._running = []


def _write_site(settings: Settings) -> Path:
    site = settings.state / "batch" / "site.yaml"
    site.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = site.with_name(f".{os.getpid()}.yaml")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        yaml.safe_dump(settings.model_dump(mode="json"), stream)
    part.replace(site)
    return site
