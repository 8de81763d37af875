"""How numbers, times and sizes are written."""

from __future__ import annotations

import re

from hven.core.clock import NS, format_utc
from hven.core.quantities import MISSING, duration, number, quantity, unit

__all__ = ["MISSING", "ago", "clock", "duration", "file_name", "night", "number", "quantity", "roughly", "size", "unit",
           "utc", "words"]  # fmt: skip

_BINARY = ("B", "kB", "MB", "GB", "TB", "PB")


def size(n_bytes: float) -> str:
    """Write a size in bytes with a decimal prefix.

    Examples
    --------
    >>> size(1_900_000)
    '1.9 MB'
    """
    step = 0
    while n_bytes >= 1000 and step < len(_BINARY) - 1:  # noqa: PLR2004 - decimal prefixes
        n_bytes, step = n_bytes / 1000, step + 1
    return f"{number(n_bytes)} {_BINARY[step]}"


def roughly(seconds: float) -> str:
    """Write a duration that is only known roughly, in whole minutes.

    Examples
    --------
    >>> roughly(149.0), roughly(12.0), roughly(7500.0)
    ('2 min', 'less than 1 min', '2 h 05 min')
    """
    minutes = round(seconds / 60)
    if not minutes:
        return "less than 1 min"
    return duration(60.0 * minutes).removesuffix(" 00 s")


def ago(then_ns: int, now_ns: int) -> str:
    """Write how long ago something was.

    Examples
    --------
    >>> ago(0, 65 * 10**9)
    '1 min 05 s ago'
    """
    return f"{duration((now_ns - then_ns) / NS)} ago" if now_ns - then_ns >= NS else "just now"


def utc(time_ns: int) -> str:
    """Write a time to the second, `2025-10-22 07:18:22`; the page says that all times are UTC."""
    return format_utc(time_ns // NS * NS).replace("T", " ").removesuffix("Z")


def clock(time_ns: int) -> str:
    """Write the time of day, `07:18:22`."""
    return utc(time_ns)[11:]


def night(day_obs: int) -> str:
    """Write an observing day.

    Examples
    --------
    >>> night(20251021)
    '2025-10-21'
    """
    text = str(day_obs)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def words(name: str) -> str:
    """Write a name in words.

    Examples
    --------
    >>> words("lost_packets")
    'lost packets'
    """
    return name.replace("_", " ").replace(".", " ")


def file_name(text: str) -> str:
    """Write a text as the name of a file.

    Examples
    --------
    >>> file_name("host lag, 2025-10-21 · all")
    'host-lag-2025-10-21-all'
    """
    return re.sub(r"[^A-Za-z0-9._+]+", "-", text).strip("-")
