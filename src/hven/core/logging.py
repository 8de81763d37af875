"""Logging: facts as keywords; lines for people on a terminal, JSON in services; never a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import structlog

_SECRET_KEYS = re.compile(r"token|password|secret|authorization|cookie", re.IGNORECASE)
_TOKEN = re.compile(r"(token[=: ]+)[^\s&@]+", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^/\s:@]+:)(?!\d+(?:[/?#\s]|$))(?:[^\s/?#]+|\S+)(?=@)")
"""What stands between name and ``@``; a number that a path follows is a port, whatever the path holds."""


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values that look like secrets.

    Examples
    --------
    >>> hide_secrets(None, "", {"token": "abc", "url": "http://u:pw@h/?token=x"})
    {'token': '***', 'url': 'http://u:***@h/?token=***'}
    >>> hide_secrets(None, "", {"address": "tls://10.0.0.1:8786"})
    {'address': 'tls://10.0.0.1:8786'}
    """
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = _PASSWORD.sub(r"\1***", _TOKEN.sub(r"\1***", value))
    return event


def configure(*, json: bool, level: str = "INFO") -> None:
    """Set up logging of a process: JSON lines or readable ones, on standard error."""
    import structlog

    renderer = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,  # standard error may be another one at the next line
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Logger of a module; events are short phrases, facts are keywords."""
    return _Logger(name)  # type: ignore[return-value]


class _Logger:
    """Loads structlog, and the terminal's colours with it, at its first event: most short commands have none."""

    def __init__(self, room: str) -> None:
        self._room = room

    def __getattr__(self, method: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(room=self._room), method)
