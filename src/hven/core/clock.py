"""Time as the platform keeps it: UTC nanoseconds since 1970 as int64, and the observing day."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from hven.core.errors import ClockError, ConfigurationError

if TYPE_CHECKING:
    import numpy as np

NS = 1_000_000_000
TAI_MINUS_UTC_S = 37
"""Since 2017; no leap second has been announced since."""

_HOUR_NS = 3600 * NS
_2017_NS = 1_483_228_800 * NS
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_KEPT = range(-(2**63), 2**63)


def now_ns() -> int:
    """UTC now, in nanoseconds since 1970."""
    return time.time_ns()


def utc_of_tai(tai_ns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """UTC nanoseconds of TAI nanoseconds, since 2017.

    Raises
    ------
    ClockError
        For earlier times.

    Examples
    --------
    >>> import numpy as np
    >>> utc_of_tai(np.array([parse_utc("2025-05-27T01:39:12")])) == parse_utc("2025-05-27T01:38:35")
    array([ True])
    """
    if len(tai_ns) and int(tai_ns.min()) < _2017_NS + TAI_MINUS_UTC_S * NS:
        raise ClockError("times in TAI before 2017 are not converted", hint="Convert them to UTC with astropy.")
    return tai_ns - TAI_MINUS_UTC_S * NS


def day_obs(time_ns: int, offset_hours: float) -> int:
    """Observing day, YYYYMMDD of (UTC + offset).

    Parameters
    ----------
    time_ns
        UTC nanoseconds since 1970.
    offset_hours
        Declared once per observatory so that the day rolls over near local noon.

    Examples
    --------
    >>> day_obs(parse_utc("2025-10-22T07:18:22Z"), -20)
    20251021
    """
    moment = _EPOCH + dt.timedelta(microseconds=time_ns // 1000, hours=offset_hours)
    return moment.year * 10000 + moment.month * 100 + moment.day


def day_obs_begin(day: int, offset_hours: float) -> int:
    """UTC nanoseconds at which an observing day begins.

    Examples
    --------
    >>> format_utc(day_obs_begin(20251021, -20))
    '2025-10-21T20:00:00Z'
    """
    try:
        date = dt.datetime(day // 10000, day // 100 % 100, day % 100, tzinfo=dt.UTC)
    except ValueError:
        raise ConfigurationError(f"day_obs {day} is no date", hint="Write it as YYYYMMDD.") from None
    return round((date - _EPOCH).total_seconds()) * NS - round(offset_hours * _HOUR_NS)


def parse_utc(text: str) -> int:
    """UTC nanoseconds of an ISO 8601 text; without a zone it is UTC.

    Raises
    ------
    ConfigurationError
        When the text is no time, or one that nanoseconds in 64 bits cannot hold.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no time", hint="Write it as 2025-10-22T07:18:22Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    time_ns = (moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000
    if time_ns not in _KEPT:
        raise ConfigurationError(f"{text!r} is no time that can be kept", hint="Years 1678 to 2261 can.")
    return time_ns


def format_utc(time_ns: int) -> str:
    """ISO 8601 text, to the second (milliseconds only where there are some).

    Examples
    --------
    >>> format_utc(1_500_000_000)
    '1970-01-01T00:00:01.500Z'
    """
    moment = _EPOCH + dt.timedelta(microseconds=time_ns // 1000)
    spec = "milliseconds" if time_ns % NS else "seconds"
    return moment.isoformat(timespec=spec).removesuffix("+00:00") + "Z"
