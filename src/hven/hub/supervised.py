"""Processes that `up` keeps alive: declared as data, with how to tell that each is well."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from hven.batch.heartbeat import heartbeat_file
from hven.core.settings import Settings
from hven.core.trust import trusted
from hven.hub.as_account import as_account, environment_of
from hven.hub.hub_services import HubService, hub_services
from hven.hub.layout import source_folder
from hven.hub.mode import mode_of
from hven.hub.ports import LOOPBACK, Ports
from hven.hub.priority import first

_LONGEST_PASS_S = 3600.0


@dataclass(frozen=True)
class Supervised:
    """A process that is started again when it ends or falls silent.

    Parameters
    ----------
    name
        As in `hven status`, the log's name and the heartbeat's name.
    command
        Program and arguments.
    silent_s
        After so long without a sign of life it is started again.
    environment
        Added to that of `up`.
    heartbeat
        File whose modification time is the last sign of life; None for a process that gives none.
    ready
        Whether it answers.
    end_at_once
        Whether its descendants are asked to end together with it, not left to it.
    is_leftover
        Which processes of its former life are ended before it is started again.
    """

    name: str
    command: tuple[str, ...]
    heartbeat: Path | None = None
    silent_s: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    end_at_once: bool = False
    is_leftover: Callable[[psutil.Process], bool] = lambda _process: False

    def is_silent(self, running_s: float) -> bool:
        """Whether it has given no sign of life for too long, though it has run long enough to give one."""
        age = age_s(self.heartbeat)
        return age is not None and min(age, running_s) > self.silent_s


def age_s(heartbeat: Path | None) -> float | None:
    """Seconds since the last sign of life, or None when there never was one."""
    try:
        return time.time() - heartbeat.stat().st_mtime if heartbeat else None
    except FileNotFoundError:
        return None


def platform_processes(settings: Settings, ports: Ports) -> tuple[Supervised, ...]:
    """Everything that `up` keeps alive."""
    config = source_folder() / "platform" / "jupyterhub_config.py"
    before = () if settings.server is None else first()
    return (hub_process(config, ports, hub_services(settings.hub.idle_timeout_s), before), *workers(settings))


def hub_process(
    config: Path, ports: Ports, services: tuple[HubService, ...], before: tuple[str, ...] = ()
) -> Supervised:
    """JupyterHub with the services it manages; ready when all of them answer at the public address.

    Parameters
    ----------
    config
        JupyterHub's configuration file.
    before
        What stands before the command.
    """
    behind = [f"http://{LOOPBACK}:{getattr(ports, s.port)}/services/{s.name}/" for s in services if s.port]
    return Supervised(
        "hub",
        (*before, sys.executable, "-P", "-m", "jupyterhub", "--config", str(config)),
        ready=lambda: all(answers(address) for address in behind) and is_healthy(ports.address),
        end_at_once=True,
        is_leftover=_serves_the_hub,
    )


def _serves_the_hub(process: psutil.Process) -> bool:
    """Whether a process is a service of a hub or its proxy; users' servers are not, a new hub finds them again."""
    try:
        is_proxy = any("configurable-http-proxy" in word for word in process.cmdline())
        return is_proxy or "JUPYTERHUB_SERVICE_NAME" in process.environ()
    except psutil.Error:
        return False


def workers(settings: Settings) -> tuple[Supervised, ...]:
    """What works beside the hub: taking in new files, and running jobs."""
    mode = mode_of(settings)
    hven = str(Path(sys.executable).with_name("hven"))
    incoming = str(settings.root / "incoming")
    archive, batch = mode.account("archive_account"), mode.account("batch_account")
    return (
        Supervised(
            "ingest",
            (*as_account(archive), hven, "ingest", "--watch", incoming),
            heartbeat=settings.state / "ingest.json",
            silent_s=_LONGEST_PASS_S,
            environment=environment_of(archive, mode.home(archive)),
        ),
        Supervised(
            "batch",
            (*as_account(batch), hven, "batch"),
            heartbeat=heartbeat_file(settings),
            environment=environment_of(batch, mode.home(batch)),
        ),
    )


def is_healthy(address: str) -> bool:
    """Whether a hub, and nothing else, answers at an address."""
    try:
        return httpx.get(f"{address}/hub/health", timeout=5, verify=trusted()).is_success
    except httpx.HTTPError:
        return False


def answers(url: str) -> bool:
    """Whether a service answers at its own address: asking for a login is an answer, too."""
    try:
        return not httpx.get(url, timeout=5, verify=trusted()).is_server_error
    except httpx.HTTPError:
        return False
