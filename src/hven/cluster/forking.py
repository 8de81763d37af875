"""Workers are forked from one process that has loaded what they need: only the first of a process waits for imports.

The process is the fork server of Python's `multiprocessing`. Where a program can say early that it will have workers,
the fork server is forked from the program itself (`fork_here`), and not even the first worker waits.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from multiprocessing import connection, forkserver, resource_tracker, spawn
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import dask
from distributed.utils import get_mp_context

from hven.cluster.loaded import load_work
from hven.core.errors import ConfigurationError
from hven.core.loading import loading

_FORKS_HERE = sys.platform.startswith("linux") and sys.version_info < (3, 14)
"""Elsewhere forking harms libraries; from 3.14 on Python's fork server wants a key that only Python gives it."""
_WORKER = "Dask Worker process (from Nanny)"
"""What Dask calls the process of a worker."""
_LONGEST = 70
"""Bytes of the folder of temporary files: a socket's whole name has at most 107, on macOS 103."""


def fork_workers() -> None:
    """Let Dask fork this process's workers, now and whenever it starts one again.

    Raises
    ------
    ConfigurationError
        When the name of the folder for temporary files is too long for the sockets that lie there.
    """
    if not _has_room_for_sockets():
        raise ConfigurationError(
            f"workers need sockets in the folder for temporary files, and {gettempdir()} is too long a name for that",
            hint=f"Set TMPDIR to a folder whose name has at most {_LONGEST} characters, e.g. TMPDIR=/tmp.",
        )
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    get_mp_context().set_forkserver_preload(["hven.cluster.forked"])


def _has_room_for_sockets() -> bool:
    return len(os.fsencode(gettempdir())) <= _LONGEST


def load() -> None:
    """Load what all workers need."""
    load_work()
    with loading():
        importlib.import_module("hven.cluster.private_pages")


def leave_main_alone() -> None:
    """Let the fork server, which this process is, begin Dask's workers without the program that wants them.

    A script without ``if __name__ == "__main__"`` would run again in each. What it defines travels to workers by value;
    other processes that are forked here begin as Python wants it.
    """
    prepare = spawn.prepare

    def prepare_worker(data: Mapping[str, Any]) -> None:
        is_worker = data.get("name") == _WORKER
        prepare({name: value for name, value in data.items() if not (is_worker and name.startswith("init_main_"))})

    spawn.prepare = prepare_worker


def fork_here(prepare: Callable[[], None] = lambda: None) -> None:
    """Fork the fork server from this process, after it has loaded what workers need.

    To be called once, before this process has threads, connections or locks: workers would inherit them. It ends with
    this process, however that ends. Where it cannot be, Python starts the fork server with the first worker.

    Parameters
    ----------
    prepare
        What the fork server does first, for instance what makes it differ from this process.
    """
    if not _FORKS_HERE or not _has_room_for_sockets():
        return
    server: Any = forkserver._forkserver  # noqa: SLF001 - Python itself starts it as a new interpreter
    load()
    resource_tracker.ensure_running()
    address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined] # as Python does itself
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        Path(address).chmod(0o600)
        listener.listen()
        ended, alive = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _serve(listener, ended, prepare)
        os.close(ended)
    vars(server).update(_forkserver_address=address, _forkserver_alive_fd=alive, _forkserver_pid=pid)


def _let_go_of_tracker() -> None:
    """Close the pipe to this process's resource tracker, as Python's own fork server has none.

    In newer Pythons (3.13.5 is one) a process that ends waits for its tracker, and that until nobody holds the pipe.
    """
    tracker = vars(resource_tracker._resource_tracker)  # noqa: SLF001 - there is no public way
    os.close(tracker["_fd"])
    tracker.update(_fd=None, _pid=None)


def _serve(listener: socket.socket, ended: int, prepare: Callable[[], None]) -> None:
    """Fork workers on demand until nobody holds the other end of the pipe."""
    code = 1
    try:
        _let_go_of_tracker()
        leave_main_alone()
        prepare()
        forkserver.main(listener.fileno(), ended, [])
        code = 0
    finally:
        os._exit(code)
