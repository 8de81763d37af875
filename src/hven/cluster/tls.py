"""TLS connections of a cluster that stay whole when one of them breaks.

OpenSSL keeps errors in a list of the thread. From 3.4 on a connection that breaks leaves one there that Python (issue
148594 of CPython) takes for an error of the next connection that is read: the scheduler loses all its workers with one.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from distributed.security import Security

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class ClusterSecurity(Security):
    """Dask's security record, whose connections leave no error to others."""

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Arguments with which to connect."""
        return _whole(super().get_connection_args(role))

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """Arguments with which to listen."""
        return _whole(super().get_listen_args(role))


def _whole(arguments: dict[str, Any]) -> dict[str, Any]:
    arguments["ssl_context"].sslsocket_class = _Socket
    return arguments


class _Socket(ssl.SSLSocket):
    """Each of its calls that reads or writes takes its own error along."""

    def do_handshake(self, *args: Any, **kwargs: Any) -> None:
        with _no_error_left():
            super().do_handshake(*args, **kwargs)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        with _no_error_left():
            return super().read(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        with _no_error_left():
            return super().send(*args, **kwargs)


@contextmanager
def _no_error_left() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:  # after these Python clears the list itself
        raise
    except OSError:
        with suppress(ssl.SSLError):
            _CONTEXT.set_ciphers("")  # refused, after which Python clears the list; it has no other call for that
        raise
