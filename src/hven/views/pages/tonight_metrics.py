"""Metrics of a night as small curves: those beyond a limit first, then those by which an instrument is known."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import pandas as pd
import panel as pn

from hven.qc.queries import UNLIMITED
from hven.views import formats, markup, queries, states, theme, verdict
from hven.views.figures.spark import sparkline
from hven.views.frame import section
from hven.views.take import Take
from hven.views.url import Url

ALWAYS = (
    "frame_rate", "host_lag", "pedestal_drift", "noise", "pedestal", "sky_variation", "detector_temperature",
    "high_voltage",
)  # fmt: skip
"""Metrics that have their place on every night."""
BEYOND = 8
"""So many metrics beyond a limit are shown before them."""
_RANK = {"error": 2, "warning": 1}

Group = tuple[str, str, pd.DataFrame]
"""Kind of frames, metric and its rows."""


def metrics(measured: pd.DataFrame, url: Url) -> pn.Column:
    """A card for each metric with its curve, its limits and its last value."""
    if not len(measured):
        text = markup.empty("No quality metrics yet", "They are made by the step that measures each observation.")
        return section("Metrics", markup.html(text))
    groups = [(str(what), str(name), rows) for (what, name), rows in measured.groupby(["what", "metric"], sort=True)]
    chosen = list(_chosen(sorted(groups, key=_rank, reverse=True)))
    grid = markup.html(f'<div class="cards">{"".join(_card(*group, url) for group in chosen)}</div>')
    night = int(measured["day_obs"].iloc[0])
    shown = pd.concat([rows for _, _, rows in chosen], ignore_index=True) if chosen else measured
    take = Take(lambda: shown, file=f"metrics-{night}", line=queries.judging_night(night))
    names = {theme.SERIES[n % len(theme.SERIES)]: f"detector {d}" for n, d in enumerate(_detectors(measured))}
    note = "those beyond a limit first; a point for each observation or hour; orange beyond warning, red beyond error"
    return section("Metrics", markup.html(markup.key(names)), grid, take, note=note)


def _chosen(ranked: list[Group]) -> Iterator[Group]:
    """Metrics beyond a limit, the worst first, then the rest of those that are always shown: of each its worst kind."""
    worst: dict[str, Group] = {}
    for group in ranked:
        worst.setdefault(group[1], group)
    beyond = [name for name, group in worst.items() if _rank(group)[0]][:BEYOND]
    for name in (*beyond, *(n for n in ALWAYS if n in worst and n not in beyond)):
        yield worst[name]


def _detectors(measured: pd.DataFrame) -> list[int]:
    return sorted({int(d) for d in measured["detector"].dropna()})


def _rank(group: Group) -> tuple[int, float]:
    records = group[2].to_dict("records")
    return max(_RANK.get(r["status"], 0) for r in records), max(verdict.excess(r) for r in records)


def _card(what: str, metric: str, rows: pd.DataFrame, url: Url) -> str:
    last = rows.sort_values("begin").iloc[-1]
    status = queries.worst_of(rows, ["metric"]).get((metric,), UNLIMITED)
    values = rows[rows["grain"] == "hour"] if (rows["grain"] == "hour").any() else rows
    last_value = formats.quantity(float(last["value"]), last["unit"])
    trend = markup.link("trend", url.to("trends", metric=metric, what=what))
    curve = sparkline(values.assign(time=values["begin"]), last.to_dict())
    return (
        f'<div class="card"><div class="between"><b>{escape(formats.words(metric))}</b>{states.chip(status)}</div>'
        f'<div class="quiet">{escape(what)} · last {escape(last_value)} · {trend}</div>{curve}</div>'
    )
