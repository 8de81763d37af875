"""Processes that make pages, started again whenever one ends."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from pathlib import Path

from hven.core.logging import configure, get_logger
from hven.service.page_keys import Keys
from hven.service.page_relay import relay

_LOADED = ["hven.service.page_modules"]
"""What all of them need, loaded once."""
_AGAIN_S = 1.0

log = get_logger(__name__)


class PageProcess:
    """One process that makes pages; another takes its place when it ends.

    Parameters
    ----------
    socket
        Where it listens: in a closed folder, as a port could be taken by anybody while nobody listens.
    """

    def __init__(self, context: ForkServerContext, keys: Keys, socket: Path) -> None:
        self._context, self._keys, self._socket = context, keys, socket
        self._listens = asyncio.Event()

    async def socket(self) -> Path:
        """Where it listens, as soon as it does."""
        await self._listens.wait()
        return self._socket

    async def keep(self) -> None:
        """Keep one running."""
        while True:
            told, tells = self._context.Pipe(duplex=False)
            process = self._context.Process(target=_serve, args=(tells, self._keys, self._socket), daemon=True)
            process.start()
            tells.close()
            with suppress(EOFError):
                await asyncio.to_thread(told.recv)
                self._listens.set()
            await _ended(process.sentinel)
            self._listens.clear()
            process.join()
            log.warning("a process that made pages has ended, another one is started", exit_code=process.exitcode)
            await asyncio.sleep(_AGAIN_S)


async def serve(host: str, port: int, count: int) -> None:
    """Show the pages from as many processes, until the task is cancelled."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    keys = Keys()
    with tempfile.TemporaryDirectory(prefix="hven-pages-") as folder:
        pages = [PageProcess(context, keys, Path(folder, str(number))) for number in range(count)]
        await _keep(pages, host, port)


async def _keep(pages: list[PageProcess], host: str, port: int) -> None:
    async with asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(page.keep())
        await relay(host, port, pages)


async def _ended(sentinel: int) -> None:
    """Wait for the end of a process."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sentinel)


def _serve(tells: Connection, keys: Keys, socket: Path) -> None:
    from hven.service.page_server import serve_pages

    configure(json=True)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    serve_pages(f"unix://{socket}", keys, lambda: tells.send(None))


def _end_with_parent() -> None:
    """Nobody is sent here any more once the relay has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
