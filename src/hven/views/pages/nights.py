"""Nights: a calendar; each day says how its night was and leads to it."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from hven.alarms import queries as of_alarms
from hven.core.clock import day_obs, now_ns
from hven.model.annotation import bad
from hven.observatory import Observatory
from hven.observatory.night import night_of_data
from hven.views import markup, night_parts, queries, states
from hven.views.frame import Content
from hven.views.url import Url

MONTHS = 12
_WORDS = {"error": "FAIL", "warning": "WARN", "ok": "PASS"}
_WEEK = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


@dataclass(frozen=True, slots=True)
class Night:
    """What a day of the calendar says."""

    observations: int
    word: str
    alarms: int
    marks: int


def page(observatory: Observatory, url: Url) -> Content:
    """The months in which something was observed, the newest first."""
    found = nights(observatory)
    today = day_obs(now_ns(), observatory.settings.observatory.day_obs_offset_hours)
    months = sorted({night // 100 for night in (*found, today)}, reverse=True)[:MONTHS]
    note = "" if found else markup.empty("No night yet", "Nothing has been ingested.", "hven ingest PATH")
    grids = "".join(_month(month, found, today, url) for month in months)
    return Content("Nights", [markup.html(f'{note or _key(found)}<div class="cards">{grids}</div>')])


def _key(found: Mapping[int, Night]) -> str:
    """What the shapes mean, and what a day leads to."""
    said = "Verdict of each night with observations or alarms; a day leads to its night, * is today."
    words = states.legend(sorted({night.word for night in found.values()}))
    return f'<p class="quiet">{said}</p>{words}<p>&nbsp;</p>'


def nights(observatory: Observatory) -> dict[int, Night]:
    """Each night with observations or alarms."""
    products = queries.products(observatory)
    statuses = queries.worst_of(queries.metrics(observatory, products), ["day_obs"])
    alarms = _by_night(observatory, [a for a in of_alarms.alarms(observatory.settings, open_only=False) if not a.cause])
    marks = bad(observatory.annotations())
    raw = queries.frames(products).groupby("day_obs")["observation"].nunique()
    observed = dict(zip(map(int, raw.index), map(int, raw), strict=True))
    told = {}
    for night in sorted({*observed, *alarms}):
        marked = len(night_parts.marks_of(observatory, night, marks))
        told[night] = _night(observed.get(night, 0), statuses.get((night,), ""), alarms.get(night, 0), marked)
    return told


def _night(observations: int, status: str, alarms: int, marked: int) -> Night:
    word = _WORDS.get(status, "NO DATA")
    warned = word == "PASS" and (alarms or marked)
    return Night(observations, "WARN" if warned else word, alarms, marked)


def _by_night(observatory: Observatory, alarms: Sequence[Any]) -> dict[int, int]:
    """How many alarms are about the data of each night, or began in it."""
    offset = observatory.settings.observatory.day_obs_offset_hours
    nights = [night_of_data(a, offset) or day_obs(a.since_ns, offset) for a in alarms]
    counts = pd.Series(nights, dtype="int64").value_counts()
    return dict(zip(map(int, counts.index), map(int, counts), strict=True))


def _month(month: int, found: Mapping[int, Night], today: int, url: Url) -> str:
    year, number = divmod(month, 100)
    head = "".join(f"<th>{day}</th>" for day in _WEEK)
    weeks = "".join(
        "<tr>" + "".join(_day(month * 100 + day if day else 0, found, today, url) for day in week) + "</tr>"
        for week in calendar.Calendar().monthdayscalendar(year, number)
    )
    title = f"{calendar.month_name[number]} {year}"
    return f'<div class="card"><b>{title}</b><table class="rows calendar"><tr>{head}</tr>{weeks}</table></div>'


def _day(night: int, found: Mapping[int, Night], today: int, url: Url) -> str:
    if not night:
        return "<td></td>"
    text = f"{night % 100}{'*' if night == today else ''}"
    if night not in found:
        return f'<td class="quiet">{text}</td>'
    told = found[night]
    said = f"{told.observations} observations, {told.alarms} alarms, {told.marks} marked bad"
    link = markup.link(text, url.to("tonight", night=night))
    return f'<td title="{told.word}: {escape(said)}">{link}<br>{states.mark(told.word).svg(14)}</td>'
