"""Dask's pages answer only the user who started the cluster.

A loopback port is open to every user of the machine, and Dask's pages ask for no login. The kernel knows whose each
connection is: it is asked before anything is read, for HTTP and websocket alike.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Scheduler, Worker

from hven.core.logging import get_logger

if TYPE_CHECKING:
    from tornado.httpserver import HTTPServer
    from tornado.iostream import IOStream

TABLE = Path("/proc/net/tcp")
NAME = Path("/proc/self/comm")
WORKER_NAME = "hven-worker"
_TRIES = 3  # the kernel writes its table in pieces: a socket may be missed while others come and go

_log = get_logger(__name__)


class PrivateScheduler(Scheduler):
    """Scheduler with private pages."""

    def start_http_server(self, *args: Any, **options: Any) -> None:
        """Listen, and let only this user in from the first connection on."""
        super().start_http_server(*args, **options)
        let_only_this_user_in(self.http_server)


class PrivateWorker(Worker):
    """Worker with private pages, in a process that can be told from others: its command is that of its parent."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if NAME.exists():
            NAME.write_text(WORKER_NAME)

    def start_http_server(self, *args: Any, **options: Any) -> None:
        """Listen, and let only this user in from the first connection on."""
        super().start_http_server(*args, **options)
        let_only_this_user_in(self.http_server)


def let_only_this_user_in(server: HTTPServer) -> None:
    """Close connections of other users before anything is read from them; only Linux can tell them apart."""
    if not sys.platform.startswith("linux"):
        return
    serve = server.handle_stream

    def handle(stream: IOStream, address: tuple[Any, ...]) -> None:
        peer = user_of_peer(stream.socket)
        if peer == os.geteuid():
            serve(stream, address)
            return
        _log.warning("refused another user at Dask's pages", uid=peer)
        stream.close()

    server.handle_stream = handle  # type: ignore[method-assign] # tornado's own subclass would have to be Dask's, too


def user_of_peer(connection: socket.socket) -> int | None:
    """Unix user who opened the other end of a loopback connection; None when the kernel does not know it any more."""
    wanted = [_written(connection.getpeername()), _written(connection.getsockname())]
    for _ in range(_TRIES):
        for line in TABLE.read_text().splitlines()[1:]:
            columns = line.split()
            if columns[1:3] == wanted:
                return _owner(columns)
    return None


def _owner(columns: list[str]) -> int | None:
    """Owner in a row of the table; a socket that was closed has no inode, and root's number for nobody."""
    uid, inode = int(columns[7]), int(columns[9])
    return uid if inode else None


def _written(address: tuple[Any, ...]) -> str:
    """An IPv4 address as the kernel writes it."""
    number = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"
