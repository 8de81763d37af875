"""How much a caller may send: more is refused before it fills the memory."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hven.core.errors import ConfigurationError, describe

MOST_BYTES = 32 << 20
TOO_LARGE = 413


class LimitBody:
    """Refuses requests whose body is larger than `MOST_BYTES`, told beforehand or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count what is read of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > MOST_BYTES:
            await _refusal()(scope, receive, send)
            return
        counter = _Counter(receive)
        try:
            await self.app(scope, counter, send)
        except _TooLargeError:
            await _refusal()(scope, receive, send)


class _TooLargeError(BaseException):
    """Goes past whoever catches exceptions on the way out: nothing has been answered yet."""


class _Counter:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            raise _TooLargeError
        return message


def _refusal() -> JSONResponse:
    error = ConfigurationError(f"the request is larger than {MOST_BYTES >> 20} MB", hint="Send it in parts.")
    return JSONResponse(describe(error), TOO_LARGE, headers={"Connection": "close"})
