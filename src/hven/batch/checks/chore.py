"""What starts checks: a chore of the batch service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hven import __version__
from hven.alarms.outbox import Outbox
from hven.batch.checks.model import CheckRun, CheckState
from hven.batch.checks.store import LONGEST_S, CheckStore
from hven.core.settings import Settings


class CheckChore:
    """Starts waiting checks, one at a time, each in a process of its own that outlives the service.

    Parameters
    ----------
    settings, site
        Of the site, and the file that says so.
    store
        Runs of checks.
    outbox
        Takes messages for people.
    """

    name = "checks"

    def __init__(self, settings: Settings, site: Path, store: CheckStore, outbox: Outbox) -> None:
        self.settings = settings
        self.site = site
        self.store = store
        self.outbox = outbox
        self._processes: list[subprocess.Popen[bytes]] = []

    def step(self) -> None:
        """Start the next check; give up on one that does not end."""
        self._processes = [process for process in self._processes if process.poll() is None]
        for run in self.store.overdue():
            self.store.end(run, CheckState.BAD, f"did not end within {LONGEST_S / 3600:g} h", self.outbox)
        claimed = self.store.claim(__version__)
        if claimed is not None:
            self._start(claimed)

    def _start(self, run: CheckRun) -> None:
        log = self.settings.state / "logs" / "checks" / f"{run.name}.log"
        log.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "hven.batch.checks.run", str(self.site), run.name, str(run.fire_ns)]
        with log.open("ab") as stream:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/"
            )
        self._processes.append(process)
