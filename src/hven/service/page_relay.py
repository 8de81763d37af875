"""Hands visitors out among processes that make pages: Python makes one page at a time, and a page takes its time.

A page's session lives in the process that made it, so a visitor always comes to the same one. What is handed on are
bytes: who may see what is decided where the pages are made.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from hven.core.logging import get_logger

_HEAD_BYTES = 64 << 10
_PIECE_BYTES = 64 << 10
_KNOWN = 10_000
_END = b"\r\n\r\n"
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

log = get_logger(__name__)


class Seats:
    r"""Which process serves a visitor: the one with the fewest visitors, and then always the same.

    Visitors are known by the session that the hub gave their browser; who has none yet comes anywhere.

    Parameters
    ----------
    count
        Of processes.

    Examples
    --------
    >>> seats = Seats(2)
    >>> [seats.of(f"GET / HTTP/1.1\r\nCookie: jupyterhub-session-id={who}\r\n\r\n".encode()) for who in "aba"]
    [0, 1, 0]
    """

    def __init__(self, count: int) -> None:
        self._visitors = [0] * count
        self._seats: OrderedDict[bytes, int] = OrderedDict()

    def of(self, head: bytes) -> int:
        """Seat of whoever sent the head of a request."""
        found = _SESSION.search(head)
        if found is None:
            return self._emptiest()
        session = found[1]
        if session not in self._seats:
            self._seats[session] = self._emptiest()
            self._visitors[self._seats[session]] += 1
        self._seats.move_to_end(session)
        if len(self._seats) > _KNOWN:
            _, left = self._seats.popitem(last=False)
            self._visitors[left] -= 1
        return self._seats[session]

    def _emptiest(self) -> int:
        return min(range(len(self._visitors)), key=self._visitors.__getitem__)


_SESSION = re.compile(rb"\r\nCookie:[^\r\n]*?\bjupyterhub-session-id=([^;\r\n]+)", re.IGNORECASE)


def alone(head: bytes) -> bytes:
    r"""Head of a request after which the connection is closed, so that no other visitor's request follows on it.

    Examples
    --------
    >>> alone(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: keep-alive\r\n\r\n")
    b'GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n'
    """
    first, *fields = head.removesuffix(_END).split(b"\r\n")
    names = {line.partition(b":")[0].strip().lower() for line in fields}
    if b"upgrade" in names:
        return head  # a websocket has its connection for itself
    kept = [line for line in fields if line.partition(b":")[0].strip().lower() != b"connection"]
    return b"\r\n".join([first, *kept, b"Connection: close"]) + _END


class Pages(Protocol):
    """What makes pages."""

    async def socket(self) -> Path:
        """Unix socket on which it listens, as soon as it does."""


async def relay(host: str, port: int, pages: Sequence[Pages]) -> None:
    """Listen, and hand visitors on, until the task is cancelled."""
    seats = Seats(len(pages))

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _hand_on(reader, writer, seats, pages)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # either side went away, or it was no request
        finally:
            writer.close()

    server = await asyncio.start_server(visit, host, port, limit=_HEAD_BYTES)
    log.info("dashboards listen", processes=len(pages), port=port)
    await server.serve_forever()


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seats: Seats, pages: Sequence[Pages]
) -> None:
    head = await reader.readuntil(_END)
    socket = await pages[seats.of(head)].socket()
    answered = False
    with suppress(OSError):
        back, there = await asyncio.open_unix_connection(socket)
        there.write(alone(head))
        asked = asyncio.create_task(_ask(reader, there))
        answered = await _copy(back, writer)
        asked.cancel()
        there.close()
    if not answered:
        writer.write(_UNAVAILABLE)


async def _ask(reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
    await _copy(reader, there)
    with suppress(OSError):
        there.write_eof()  # who asked has gone, or has no more to say


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Hand bytes on until there are no more, or nobody takes them; says whether there were any."""
    some = False
    with suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            some = True
            writer.write(piece)
            await writer.drain()
    return some
