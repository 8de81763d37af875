"""Dask on other hosts, reached by ssh: the scheduler here, workers there, TLS between all of them.

OpenSSH's own program is used, so that people's keys, agents, jump hosts and known hosts count as everywhere. The
cluster's throw-away keys travel through the ssh connection, never as an argument, and lie in private folders.
"""

from __future__ import annotations

import json
import logging
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import dask
from distributed import Client, SpecCluster

from hven.cluster.certificates import CERTIFICATE, KEY, make_keys, security
from hven.cluster.client import StartedEngine
from hven.cluster.local import DASK, NO_PAGES, private_folder
from hven.cluster.private_pages import PrivateScheduler
from hven.cluster.ssh_node import HELLO, READY, versions
from hven.cluster.threads import WHEN_LOADED, WORKER_ENVIRONMENT
from hven.core.errors import CommunicationFailedError, ConfigurationError, HvenError
from hven.core.logging import get_logger
from hven.core.settings import Profile

_SSH_FAILED = 255
_NOT_FOUND = 127
_STOP_S = 15.0
_OPTIONS = (
    "BatchMode=yes",  # never ask for a password
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
)
_log = get_logger(__name__)


class SshEngine(StartedEngine):
    """Worker processes on other hosts, started with the engine and ended by `close` or with this process.

    Parameters
    ----------
    profile
        Size; workers are dealt out to the hosts in turn.
    hosts
        Names as `ssh` knows them, e.g. ``ada@node1``.
    python
        Python with hven on the hosts; the path of this one if empty.
    config
        File for ``ssh -F``.
    timeout_s
        A host that does not answer within this many seconds cannot be reached.

    Raises
    ------
    ConfigurationError
        Without hosts, or where a host has no such Python, no hven or other versions.
    CommunicationFailedError
        When a host cannot be reached or refuses the key; it is named.
    """

    def __init__(
        self,
        profile: Profile,
        hosts: Sequence[str],
        *,
        python: str = "",
        config: Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        if not hosts:
            raise ConfigurationError("the ssh engine has no hosts", hint="engine.hosts lists them.")
        if not shutil.which("ssh"):
            raise ConfigurationError("the ssh engine needs the program ssh", hint="Install OpenSSH's client.")
        used = hosts[: profile.workers]
        with ExitStack() as stack:
            folder = private_folder()
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            make_keys(folder)
            nodes = [_Node(host, python or sys.executable, config, timeout_s) for host in used]
            stack.callback(_close, nodes)
            for node in nodes:
                node.greet()
            cluster = _scheduler(folder, nodes[0].caller)
            stack.callback(cluster.close)
            stack.callback(_close, nodes)  # before the scheduler, which workers would wait for
            for number, node in enumerate(nodes):
                workers = len(range(number, profile.workers, len(nodes)))
                node.order(_order(profile, folder, cluster.scheduler_address, workers))
            client = Client(cluster, set_as_default=False)
            stack.callback(client.close)
            for node in nodes:
                node.wait()
            super().__init__(client, profile.workers * profile.threads_per_worker)
            self._nodes = nodes
            self._told: set[str] = set()
            self._closing = stack.pop_all()

    def _broken(self) -> HvenError | None:
        """Without any node no worker comes back; what one node had, the others do, and the log tells of it."""
        lost = [node for node in self._nodes if node.ended]
        if len(lost) == len(self._nodes):
            return lost[0].loss()
        for node in lost:
            self._tell_of(node)
        return super()._broken()

    def _tell_of(self, node: _Node) -> None:
        if node.host not in self._told:
            self._told.add(node.host)
            left = [other.host for other in self._nodes if not other.ended]
            _log.warning("a host was lost; the others go on", host=node.host, why=node.loss().message, left=left)

    def close(self) -> None:
        """End scheduler and workers and remove the keys everywhere."""
        self._closing.close()


class _Node:
    """One host: an ssh program whose standard input is the node's life."""

    def __init__(self, host: str, python: str, config: Path | None, timeout_s: float) -> None:
        self.host = host
        self.caller = ""
        self._python = python
        self._timeout_s = timeout_s
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the node
        options = [
            part for option in (*_OPTIONS, f"ConnectTimeout={max(1, round(timeout_s))}") for part in ("-o", option)
        ]
        named = ["-F", str(config)] if config else []
        threads = [f"{name}={value}" for name, value in (WHEN_LOADED | WORKER_ENVIRONMENT).items()]
        remote = shlex.join(["env", *threads, python, "-P", "-m", "hven.cluster.ssh_node"])
        self._process = subprocess.Popen(  # noqa: S603 - ssh, with the hosts of the site file
            ["ssh", *named, "-T", *options, "--", host, remote],  # noqa: S607 - as in the user's shell
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0, start_new_session=True,
        )  # fmt: skip

    def greet(self) -> None:
        """Read where the node is and what it runs."""
        hello = json.loads(self._line(HELLO, f"{self.host} does not answer", f"Try: ssh {self.host}"))
        self.caller = hello["caller"]
        if hello["versions"] != versions():
            there, here = (", ".join(f"{k} {v}" for k, v in some.items()) for some in (hello["versions"], versions()))
            raise ConfigurationError(f"{self.host} has {there}, here is {here}", hint="Install the same on all hosts.")

    def order(self, order: dict[str, Any]) -> None:
        """Tell the node what to do, with the cluster's keys."""
        with suppress(BrokenPipeError):  # a node that has ended is told of when its workers do not come
            self._input.write(f"{json.dumps(order)}\n".encode())

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        return self._process.stdin

    def wait(self) -> None:
        """Return when all its workers run."""
        self._line(READY, f"the workers of {self.host} do not come", f"{self.host} must reach the ports of this host.")

    def _line(self, beginning: str, late: str, hint: str) -> str:
        """Rest of the next line with this beginning; an error that says `late` where it does not come."""
        output = self._process.stdout
        assert output is not None  # noqa: S101 - it is a pipe
        until = time.monotonic() + self._timeout_s
        while select.select([output], [], [], max(0.0, until - time.monotonic()))[0]:
            line = output.readline().decode(errors="replace")
            if line.startswith(beginning):
                return line.removeprefix(beginning)
            if not line:
                raise self.failure()
        raise CommunicationFailedError(late, hint=hint)

    @property
    def ended(self) -> bool:
        """The connection or the node is gone."""
        return self._process.poll() is not None

    def failure(self) -> HvenError:
        """Say why the node has ended before it worked, in words."""
        code, said, last = self._end()
        if code == _SSH_FAILED:
            return _unreachable(self.host, said, last)
        if code == _NOT_FOUND:
            return ConfigurationError(f"{self.host} has no {self._python}", hint="engine.python names it.")
        return ConfigurationError(
            f"{self.host}: {self._python} cannot run hven: {last}",
            hint="Install hven there; engine.python names its Python.",
        )

    def loss(self) -> HvenError:
        """Say how the node was lost while it worked."""
        code, _, last = self._end()
        why = last if code == _SSH_FAILED else f"exit code {code}"
        return CommunicationFailedError(f"{self.host} was lost while it worked: {why}", hint="Run it again.")

    def _end(self) -> tuple[int, str, str]:
        """Exit code, all that was said, and its last line."""
        code = self._process.wait(_STOP_S)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        return code, said, said.splitlines()[-1] if said else f"exit code {code}"

    def let_go(self) -> None:
        """Tell the node to end."""
        self._input.close()

    def close(self) -> None:
        """Wait until the node has ended."""
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


def _close(nodes: Sequence[_Node]) -> None:
    for node in nodes:
        node.let_go()
    for node in nodes:
        node.close()


def _unreachable(host: str, said: str, last: str) -> CommunicationFailedError:
    if "Permission denied" in said:
        hint = f"`ssh {host}` must work without a password: put your public key into ~/.ssh/authorized_keys there."
        return CommunicationFailedError(f"{host} refuses the key: {last}", hint=hint)
    if "Host key verification failed" in said:
        hint = f"Compare the host's key with its administrator and accept it: ssh {host}"
        return CommunicationFailedError(
            f"{host} does not have the host key that is known for it, or none is", hint=hint
        )
    return CommunicationFailedError(f"{host} cannot be reached: {last}", hint=f"Try: ssh {host}")


def _scheduler(folder: Path, here: str) -> SpecCluster:
    options = {
        "host": here,
        "protocol": "tls://",
        "security": security(folder),
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "local_directory": str(folder),
    }
    with dask.config.set(DASK | NO_PAGES):
        return SpecCluster(
            scheduler={"cls": PrivateScheduler, "options": options},
            workers={},
            security=options["security"],
            silence_logs=logging.CRITICAL,
        )


def _order(profile: Profile, folder: Path, scheduler: str, workers: int) -> dict[str, Any]:
    return {
        "scheduler": scheduler,
        "certificate": (folder / CERTIFICATE).read_text(),
        "key": (folder / KEY).read_text(),
        "workers": workers,
        "threads": profile.threads_per_worker,
        "memory": int(profile.memory_gb * 1e9),
    }
