"""How the platform is, in a few rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil

from hven.core.settings import Settings
from hven.hub.hub_services import hub_services
from hven.hub.layout import Layout
from hven.hub.ports import Ports, holder, read_ports
from hven.hub.processes import descendants, is_alive, same_process
from hven.hub.run_record import RunRecord, ServiceRecord, is_running, read_run
from hven.hub.supervised import age_s


@dataclass(frozen=True)
class ServiceStatus:
    """One service.

    Parameters
    ----------
    state
        `starting`, `running`, `restarting`, `stopped`; `lost` when the record names a process that is gone.
    heartbeat_age_s
        Seconds since its last sign of life; None for a service that gives none.
    address
        Where it listens; empty for one that does not.
    version
        Of hven with which it was started; for a service of the hub that with which the hub was. Empty if not recorded.
    """

    name: str
    state: str
    pid: int | None = None
    heartbeat_age_s: float | None = None
    address: str = ""
    restarts: int = 0
    version: str = ""


@dataclass(frozen=True)
class PlatformStatus:
    """The platform of one observatory.

    Parameters
    ----------
    phase
        `down`, `starting`, `ready`, `stopping`; `lost` when its supervisor was killed.
    """

    phase: str
    address: str = ""
    user: str = ""
    services: tuple[ServiceStatus, ...] = ()


def status(settings: Settings) -> PlatformStatus:
    """Look at the record, the processes and the ports of an observatory's platform."""
    layout = Layout.of(settings)
    record = read_run(layout)
    if record is None:
        return PlatformStatus("down")
    phase = record.phase if is_running(layout) else "lost"
    ports = read_ports(layout.ports)
    rows = (*(_supervised(s, record) for s in record.services), *_managed(settings, ports, record))
    return PlatformStatus(phase, record.address, record.user, rows)


def _supervised(service: ServiceRecord, record: RunRecord) -> ServiceStatus:
    alive = service.pid is not None and same_process(service.pid, service.created or 0.0)
    state = "lost" if service.state == "running" and not alive else service.state
    age = age_s(service.heartbeat)
    address = record.address if service.name == "hub" else ""
    return ServiceStatus(service.name, state, service.pid, age, address, service.restarts, service.version)


def _managed(settings: Settings, ports: Ports, record: RunRecord) -> list[ServiceStatus]:
    """Services of the hub: those with a port by who listens there, others by the hub's own processes."""
    hub = next((s for s in record.services if s.name == "hub"), ServiceRecord(name="hub"))
    children = descendants(hub.pid) if hub.pid else []
    rows = []
    for service in hub_services(settings.hub.idle_timeout_s):
        process = holder(getattr(ports, service.port)) if service.port else _runs(service.command, children)
        address = f"{record.address}/services/{service.name}/" if service.port else ""
        state = "running" if process else "stopped"
        rows.append(ServiceStatus(service.name, state, process and process.pid, None, address, version=hub.version))
    return rows


def _runs(command: tuple[str, ...], processes: list[psutil.Process]) -> psutil.Process | None:
    """The process among some that runs a command of the platform's Python."""
    for process in processes:
        with suppress(psutil.Error):
            if tuple(process.cmdline()[1:]) == command and is_alive(process):
                return process
    return None
