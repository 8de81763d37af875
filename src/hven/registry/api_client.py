"""Asks the API: one connection that is kept alive, errors as the service raised them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from hven.core.errors import HvenError, ServiceUnavailableError, revive
from hven.core.trust import trusted

TIMEOUT_S = 60.0
PATIENCE_S = 20.0
"""A service that is being restarted is asked again for so long."""

_PAUSE_S = 0.3
_AWAY = frozenset({502, 503, 504})


class ApiClient:
    """Speaks to the API in somebody's name; thread-safe.

    Parameters
    ----------
    url
        The API's address.
    credential
        ``token <hub token>``, or ``lease <job>:<name>`` of a runner; it is sent in a header and nowhere else.
    patience_s
        How long a service that does not answer is asked again.
    """

    def __init__(self, url: str, credential: str, *, patience_s: float = PATIENCE_S) -> None:
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        headers = {"Authorization": credential}
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S, verify=trusted())

    def __repr__(self) -> str:
        """Address."""
        return f"<ApiClient {self.url}>"

    def ask(self, method: str, path: str, *, again: bool = True, **parts: Any) -> Any:
        """Answer of the API as JSON.

        Parameters
        ----------
        method, path
            Endpoint.
        again
            Whether the request may be sent twice.
        parts
            `params` and `json` of httpx.

        Raises
        ------
        HvenError
            As the service raised it; ServiceUnavailableError where it does not answer.
        """
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return _content(self._send(method, path, **parts))
            except ServiceUnavailableError:
                if not again or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_S)

    def lines(self, path: str, body: Any) -> Iterator[bytes]:
        """Lines of a long answer to a POST, as they arrive; raises as `ask` does."""
        end = time.monotonic() + self._patience_s
        while True:
            begun = False
            try:
                for line in self._stream(path, body):
                    begun = True
                    yield line
            except ServiceUnavailableError:
                if begun or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _stream(self, path: str, body: Any) -> Iterator[bytes]:
        with self._reachable(), self._client.stream("POST", path, json=body) as answer:
            if not answer.is_success:
                answer.read()
                raise _error(answer)
            rest = b""
            for part in answer.iter_bytes():
                *whole, rest = (rest + part).split(b"\n")
                yield from whole

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        with self._reachable():
            return self._client.request(method, path, **parts)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServiceUnavailableError(
                f"the API at {self.url} does not answer: {error}", hint="`hven status` shows what runs."
            ) from None


def _content(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    raise _error(answer)


def _error(answer: httpx.Response) -> HvenError:
    if answer.status_code not in _AWAY or answer.headers.get("content-type", "").startswith("application/json"):
        try:
            described = answer.json()
        except ValueError:
            described = None
        if isinstance(described, dict) and "error" in described:
            return revive(described)
    return ServiceUnavailableError(f"{answer.url.copy_with(query=None)} answered {answer.status_code}")
