"""Runners on a machine of many users: each as the person who submitted the job, shared ones as the service itself."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from hven.batch.launcher import Process, start, tell
from hven.batch.lease import Lease
from hven.batch.model import Job
from hven.batch.order import END, Order
from hven.core.errors import ConfigurationError
from hven.core.settings import ServerSettings, Settings
from hven.pipeline.runner import lives, mark

SUDO = "/usr/bin/sudo"
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
"""Environment of runners; what the service itself was given stays with it."""

_END_S = 5.0


class SudoLauncher:
    """Runners by `sudo`, through the one program that its configuration names.

    What a runner needs to know goes through its standard input. A job that makes shared products runs as the service's
    own account. Either way nothing but the installed environment is used.

    Parameters
    ----------
    settings
        The site's, with its section `server`.
    server
        That section.
    site
        File of these settings: root's, and readable by everybody.
    api
        The API's address, for runners of users.
    """

    def __init__(self, settings: Settings, server: ServerSettings, *, site: Path, api: str) -> None:
        self.settings = settings
        self.server = server
        self.site = site
        self.api = api
        self._running: dict[int, Process] = {}

    def launch(self, lease: Lease, job: Job) -> str:
        """Start a runner; ConfigurationError where the job's user has no account that may run jobs."""
        if job.request.shared:
            python = str(self.server.prefix / "venv" / "bin" / "python")
            command = [python, "-I", "-m", "hven.batch.runner"]
            order = Order(job.id, lease.name, str(self.site), environment=job.request.environment)
        else:
            command = as_somebody(account_of(job.user, self.server), self.server)
            order = Order(job.id, lease.name, str(self.site), self.api, job.request.environment)
        home = self.settings.state / "homes" / self.server.batch_account
        process = start(self.settings, command, order, {**CLEAN, "HOME": str(home)})
        self._running[job.id] = process
        return mark(process.pid)

    def end(self, job: int, runner: str) -> bool:
        """End a runner of this launcher's; those of a former one are out of its reach."""
        self.collect()
        process = self._running.get(job)
        if process is None:
            return lives(runner) is False
        _end(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        self.collect()
        return job not in self._running

    def collect(self) -> int:
        """Reap the processes that have ended; gives how many have not."""
        for process in self._running.values():
            if process.poll() is not None and process.stdin is not None:
                process.stdin.close()
        self._running = {job: process for job, process in self._running.items() if process.returncode is None}
        return len(self._running)

    def kill(self) -> None:
        """End the runners that this launcher started."""
        self.collect()
        for process in self._running.values():
            _end(process)
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
        self.collect()


def as_somebody(account: str, server: ServerSettings) -> list[str]:
    """Command of the one program that runs under other accounts."""
    return [SUDO, "-n", "-u", account, "--", str(server.prefix / "libexec" / "hven-runner")]


def account_of(name: str, server: ServerSettings) -> str:
    """Name of an account that may run jobs, as the system writes it; raises ConfigurationError for others."""
    try:
        entry = pwd.getpwnam(name)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        allowed = grp.getgrnam(server.users_group).gr_gid
    except KeyError as error:
        raise ConfigurationError(
            f"job of {name}: {error.args[0]}", hint="`hven doctor --server` checks accounts."
        ) from None
    if allowed not in groups:
        raise ConfigurationError(
            f"job of {name}: the account is not in the group {server.users_group}",
            hint="Only its members may run jobs.",
        )
    return entry.pw_name


def _end(process: Process) -> None:
    """Kill a runner; that of a user, out of reach, is told to end itself."""
    tell(process, END)
    with suppress(PermissionError, ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
