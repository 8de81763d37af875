"""Times in cron form, in a time zone."""

from __future__ import annotations

import datetime as dt
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from hven.core.clock import NS, day_obs

_DAY_NS = 24 * 3600 * NS
_MOST_MISSED = 10_000


def check_cron(cron: str, zone: str) -> None:
    """Raise ValueError for what is no time in cron form, or no time zone."""
    try:
        CronSim(cron, dt.datetime.now(ZoneInfo(zone)))
    except (CronSimError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{cron!r} in {zone}: {error}") from None


def due(cron: str, zone: str, *, after_ns: int, now_ns: int) -> tuple[int, int] | None:
    """Last time of a schedule in `(after, now]`, and how many it has missed before that; None when there is none.

    Examples
    --------
    >>> from hven.core.clock import format_utc, parse_utc
    >>> monday, thursday = parse_utc("2025-10-20T13:00Z"), parse_utc("2025-10-23T13:00Z")
    >>> last, missed = due("0 6 * * *", "America/Los_Angeles", after_ns=monday, now_ns=thursday)
    >>> format_utc(last), missed
    ('2025-10-23T13:00:00Z', 2)
    """
    moment = _moment(now_ns, zone) + dt.timedelta(microseconds=1)
    times = map(_ns, CronSim(cron, moment, reverse=True))
    missed = -1
    last = 0
    for time_ns in takewhile(lambda t: t > after_ns, times):
        last = last or time_ns
        missed += 1
        if missed >= _MOST_MISSED:
            break
    return (last, missed) if last else None


def next_time(cron: str, zone: str, *, now_ns: int) -> int:
    """Next time of a schedule, UTC nanoseconds.

    Examples
    --------
    >>> from hven.core.clock import format_utc, parse_utc
    >>> format_utc(next_time("0 3 * * sun", "UTC", now_ns=parse_utc("2025-10-22T07:18Z")))
    '2025-10-26T03:00:00Z'
    """
    return _ns(next(CronSim(cron, _moment(now_ns, zone))))


def words_of(fire_ns: int, offset_hours: float) -> dict[str, str | int]:
    """What templates can say of a fire.

    Examples
    --------
    >>> from hven.core.clock import parse_utc
    >>> words_of(parse_utc("2025-10-22T21:00Z"), -20)
    {'night': 20251021, 'week': '2025W43', 'stamp': '20251022T210000Z'}
    """
    night = day_obs(fire_ns - _DAY_NS, offset_hours)
    year, week, _ = dt.date(night // 10000, night // 100 % 100, night % 100).isocalendar()
    stamp = _moment(fire_ns, "UTC").strftime("%Y%m%dT%H%M%SZ")
    return {"night": night, "week": f"{year}W{week:02d}", "stamp": stamp}


def _moment(time_ns: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ns // NS, ZoneInfo(zone))


def _ns(moment: dt.datetime) -> int:
    return round(moment.timestamp()) * NS
