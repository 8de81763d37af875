"""Loopback ports of one platform: the one people use, and free ones for what stands behind it."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from hven.core.errors import ConflictError
from hven.hub.layout import write_private

LOOPBACK = "127.0.0.1"
_RANGE = range(20000, 32000)
ROOTS_PORTS = range(600, 1000)
"""Only root, and services that root lets, can listen there."""


class Ports(BaseModel):
    """Ports of a platform, all on loopback."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public: int
    hub: int
    proxy_api: int
    api: int
    dashboards: int

    @property
    def address(self) -> str:
        """Where people go."""
        return f"http://{LOOPBACK}:{self.public}"


def claim_ports(file: Path, public: int, *, among: range = _RANGE) -> Ports:
    """Choose the ports of a platform and record them.

    Ports of the last run are kept while they are free, so that addresses stay the same.

    Raises
    ------
    ConflictError
        When the public port is taken; the message names the holder.
    """
    if not is_free(public):
        raise ConflictError(
            f"port {public} is taken by {describe_holder(public)}",
            hint=f"Stop it, or choose another port: `hven up --port {free_port()}` (`make up PORT=...`).",
        )
    known = read_ports(file).model_dump() if file.exists() else {}
    chosen = {"public": public}
    for name in ("hub", "proxy_api", "api", "dashboards"):
        port = known.get(name, 0)
        while port not in among or port in chosen.values() or not is_free(port):
            port = free_port(among)
        chosen[name] = port
    ports = Ports(**chosen)
    write_private(file, ports.model_dump_json())
    return ports


def read_ports(file: Path) -> Ports:
    """Ports as `claim_ports` recorded them."""
    return Ports.model_validate_json(file.read_text())


def is_free(port: int) -> bool:
    """Whether a server could listen on a loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(among: range = _RANGE) -> int:
    """A loopback port that nobody uses, below those that the operating system hands out by itself.

    So nobody gets it by chance before the platform listens on it.
    """
    while not is_free(port := secrets.choice(among)):
        pass
    return port


def holder(port: int) -> psutil.Process | None:
    """The process that listens on a port, where the operating system lets us know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return psutil.Process(connection.pid)
    except psutil.Error:
        return None
    return None


def describe_holder(port: int) -> str:
    """Pid and command of the process that listens on a port, in words."""
    process = holder(port)
    if process is None:
        return "a process of another user"
    try:
        return f"process {process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"process {process.pid}"
