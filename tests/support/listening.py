"""On which addresses the processes of a platform listen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import psutil

from hven.hub.processes import marked

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def listeners(mark: str) -> Iterator[tuple[str, int, list[str]]]:
    """Address, port and command line of each."""
    for process in marked(mark):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM:
                    yield connection.laddr.ip, connection.laddr.port, process.cmdline()
