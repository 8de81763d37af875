"""Runners on a machine of many users: each as the person who submitted the job, shared ones as the service itself."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hven.batch.forkserver import SERVES, ForkedRunner, RunnerForks
from hven.batch.launcher import log_of
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

_Process = subprocess.Popen[bytes]


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
        home = settings.state / "homes" / server.batch_account
        self._environment = {**CLEAN, "HOME": str(home)}
        python = str(server.prefix / "venv" / "bin" / "python")
        self._forks = RunnerForks([python, "-I", "-m", "hven.batch.runner", SERVES, str(site)], self._environment)
        self._running: dict[int, ForkedRunner | _SudoRunner] = {}

    def prepare(self) -> None:
        """Start the process from which runners of shared jobs will be forked."""
        self._forks.prepare()

    def launch(self, lease: Lease, job: Job) -> str:
        """Start a runner; ConfigurationError where the job's user has no account that may run jobs."""
        if job.request.shared:
            order = Order(job.id, lease.name, str(self.site), environment=job.request.environment)
            with log_of(self.settings, job.id) as log:
                self._running[job.id] = forked = self._forks.fork(order.line(), log)
            return forked.mark
        command = as_somebody(account_of(job.user, self.server), self.server)
        order = Order(job.id, lease.name, str(self.site), self.api, job.request.environment)
        process = _start(self.settings, command, order, self._environment)
        self._running[job.id] = _SudoRunner(process)
        return mark(process.pid)

    def end(self, job: int, runner: str) -> bool:
        """End a runner of this launcher's; those of a former one are out of its reach."""
        self.collect()
        process = self._running.get(job)
        if process is None:
            return lives(runner) is False
        process.kill()
        self.collect()
        return job not in self._running

    def collect(self) -> int:
        """Forget the runners that have ended; gives how many have not."""
        self._running = {job: runner for job, runner in self._running.items() if not runner.ended()}
        return len(self._running)

    def kill(self) -> None:
        """End the runners that this launcher started."""
        for runner in self._running.values():
            runner.kill()
        self.collect()
        self._forks.close()


class _SudoRunner:
    """Runner under another account, which is out of reach of signals."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    def ended(self) -> bool:
        """Whether it has ended."""
        has_ended = self._process.poll() is not None
        if has_ended and self._process.stdin is not None:
            self._process.stdin.close()
        return has_ended

    def kill(self) -> None:
        """Tell it to end itself, with everything it started."""
        _tell(self._process, END)
        with suppress(PermissionError, ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)


def _start(settings: Settings, command: Sequence[str], order: Order, environment: Mapping[str, str]) -> _Process:
    """Start a process session that is told its order, and whose output goes to the job's log.

    Its standard input stays open.
    """
    with log_of(settings, order.job) as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, cwd="/", env=environment
        )
    _tell(process, order.line())
    return process


def _tell(process: _Process, line: bytes) -> None:
    """Send a line to a runner; one that has ended hears nothing."""
    assert process.stdin is not None  # noqa: S101 - `_start` opens it
    with suppress(BrokenPipeError):
        os.write(process.stdin.fileno(), line)


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
