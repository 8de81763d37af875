"""QC trends: how a metric changes over hours, nights and years, and how two periods differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import panel as pn

from hven.alarms import queries as of_alarms
from hven.core.clock import now_ns
from hven.observatory import Observatory
from hven.qc.queries import PROCESSING
from hven.views import formats, markup, queries, states, verdict
from hven.views.figures.alarm_marks import mark_alarms
from hven.views.figures.series import trend
from hven.views.frame import Content, section
from hven.views.periods import Period, Summary, aligned, summary
from hven.views.take import plotted
from hven.views.url import Url

GRAINS = {"each hour": "hour", "each observation": "observation"}
FIRST = "partial_frames"
LISTED = 50


def page(observatory: Observatory, url: Url) -> Content:
    """One metric against time, by detector, with its limits; a second period beside it; what was beyond the limits."""
    found = queries.products(observatory)
    measured = queries.metrics(observatory, found)
    if not len(measured):
        text = "Nothing has been measured yet. The nightly pipeline measures each observation."
        return Content(
            "QC trends", [markup.html(markup.empty("No metrics", text, "hven submit panoseti/nightly --shared"))]
        )
    nights = {formats.night(n): str(n) for n in queries.nights(measured)}
    choices = {
        "metric": _choice("Metric", _metrics(measured), url, "metric", 240),
        "what": _choice("Product", {w: w for w in sorted(measured["what"].unique())}, url, "what", 120),
        "grain": _choice("Grain", GRAINS, url, "grain", 160),
        "detector": _choice("Detector", {"all": "", **_detectors(measured)}, url, "detector", 100),
        "first": _choice("From night", {"the first": "", **nights}, url, "first", 130),
        "last": _choice("To night", {"the newest": "", **nights}, url, "last", 130),
        "other": _choice("Compare with nights from", {"nothing": "", **nights}, url, "other", 190),
    }

    def body(**chosen: str) -> Any:
        told = chosen["metric"] in PROCESSING
        rows = queries.processing(observatory, found, chosen["metric"]) if told else measured
        return _body(observatory, url, rows, chosen)

    return Content("QC trends", [pn.bind(body, **choices)], list(choices.values()))


def _metrics(measured: pd.DataFrame) -> dict[str, str]:
    names = sorted({*measured["metric"], *PROCESSING}, key=lambda n: (n != FIRST, n))
    return {formats.words(n): n for n in names}


def _detectors(measured: pd.DataFrame) -> dict[str, str]:
    return {str(int(d)): str(int(d)) for d in sorted(measured["detector"].dropna().unique())}


def _choice(label: str, options: dict[str, str], url: Url, name: str, width: int) -> pn.ui.Select:
    asked = url.get(name)
    value = asked if asked in options.values() else next(iter(options.values()))
    select = pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)
    return url.follow(select, name)


def _body(observatory: Observatory, url: Url, measured: pd.DataFrame, chosen: Mapping[str, str]) -> Any:
    rows, of_grain = _chosen(measured, chosen)
    if not len(rows):
        text = f"{formats.words(chosen['metric']).capitalize()} is not measured for {chosen['what']}; choose another."
        return markup.html(markup.empty("No such values", text))
    period = Period.of(rows, chosen["first"], chosen["last"])
    shown = period.rows(rows)
    if not len(shown):
        return markup.html(
            markup.empty(f"No values in {period}", "The first night lies after the last; choose others.")
        )
    other = period.beginning(int(chosen["other"])) if chosen["other"] else None
    note = "" if of_grain else "; only measured for whole observations"
    return pn.Column(
        _curve(observatory, shown, aligned(rows, other, period) if other else None, note),
        *([_comparison(rows, period, other)] if other else []),
        section("Beyond its limits", _bad(url, shown), note=str(period)),
        sizing_mode="stretch_width",
    )  # fmt: skip


def _chosen(measured: pd.DataFrame, chosen: Mapping[str, str]) -> tuple[pd.DataFrame, bool]:
    """Values of a metric in order of time, and whether they are of the grain that was asked for."""
    rows = measured[(measured["metric"] == chosen["metric"]) & (measured["what"] == chosen["what"])]
    if chosen["detector"]:
        rows = rows[rows["detector"] == int(chosen["detector"])]
    of_grain = rows[rows["grain"] == chosen["grain"]]
    return (of_grain if len(of_grain) else rows).sort_values("begin"), bool(len(of_grain))


def _curve(observatory: Observatory, shown: pd.DataFrame, other: pd.DataFrame | None, note: str) -> pn.Column:
    last = shown.iloc[-1].to_dict()
    unit = formats.unit(last["unit"])
    name = formats.words(last["metric"]).capitalize()
    plot = trend(shown.assign(time=shown["begin"]), units=unit, limits=last, other=other)
    begin, end = (int(pd.Timestamp(t).as_unit("ns").value) for t in (shown["begin"].min(), shown["end"].max()))
    alarms = of_alarms.alarms(observatory.settings, open_only=False, since_ns=begin)
    mark_alarms(plot, [alarm for alarm in alarms if alarm.since_ns < end], now_ns())
    drawn = plotted(pn.pane.Bokeh(plot, sizing_mode="stretch_width"), lambda: pd.concat([shown, other]),
                    file=f"{last['what']}-{last['metric']}",
                    line=queries.judging(last["type"], last["metric"], str(last["grain"])))  # fmt: skip
    about = f"{last['what']}; {verdict.limits(last) or 'no limits'}{note}; red triangles at the foot: alarms"
    return section(f"{name} in {unit}" if unit else name, drawn, note=about)


def _comparison(rows: pd.DataFrame, period: Period, other: Period) -> pn.Column:
    """Both periods in numbers, for each detector."""
    listed = []
    for detector, now, then in summary(rows, period, other):
        listed.append(_numbers(f"detector {detector}", str(period), now, _change(now, then)))
        listed.append(_numbers("", str(other), then, ""))
    columns = ["", "Nights", "Values", "Median", "Spread", "Lowest", "Highest", "Beyond limits", "Change of the median"]
    note = "spread: 1.4826 times the median deviation from the median; drawn at the same hour of the night"
    return section("The two periods", markup.html(markup.table(columns, listed)), note=note)


def _numbers(who: str, nights: str, found: Summary, change: str) -> list[markup.Cell]:
    values = (found.median, found.spread, found.lowest, found.highest)
    return [
        (who, "name"),
        (nights, "name"),
        (f"{found.count}", "number"),
        *((formats.quantity(v, found.unit), "number") for v in values),
        (f"{found.beyond}", "number"),
        (change, "number"),
    ]


def _change(now: Summary, then: Summary) -> str:
    if not now.count or not then.count:
        return formats.MISSING
    change = now.median - then.median
    return f"{'+' if change > 0 else ''}{formats.quantity(change, now.unit)}"


def _bad(url: Url, rows: pd.DataFrame) -> Any:
    bad = rows[rows["status"].isin(["warning", "error"])]
    if not len(bad):
        return markup.html(markup.empty("No value beyond its limits"))
    listed = [_row(url, row) for row in bad.tail(LISTED).iloc[::-1].to_dict("records")]
    table = markup.table(["Begin (UTC)", "Observation", "Detector", "Value", "Limit", "Status"], listed)
    more = f"<p class='quiet'>the newest {LISTED} of {len(bad)}</p>" if len(bad) > LISTED else ""
    return markup.html(table + more)


def _row(url: Url, row: dict[Any, Any]) -> list[markup.Cell]:
    target = url.to("observation", observation=row["observation"], detector=row["detector"], what=row["what"])
    limit = verdict.limit_of(row)
    return [
        (formats.utc(pd.Timestamp(row["begin"]).as_unit("ns").value), "number"),
        (markup.link(row["observation"], target), "wrap"),
        (str(row["detector"]), "number"),
        (formats.quantity(row["value"], row["unit"]), "number"),
        (formats.quantity(limit, row["unit"]) if limit is not None else formats.MISSING, "number"),
        (states.chip(row["status"]), ""),
    ]
