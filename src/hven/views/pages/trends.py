"""QC trends: how a metric changes over hours, nights and years."""

from __future__ import annotations

from functools import partial
from io import StringIO
from typing import Any

import pandas as pd
import panel as pn

from hven.observatory import Observatory
from hven.views import formats, markup, queries, states, verdict
from hven.views.figures.series import trend
from hven.views.frame import Content, section
from hven.views.url import Url

GRAINS = {"each hour": "hour", "each observation": "observation"}
FIRST = "partial_frames"


def page(observatory: Observatory, url: Url) -> Content:
    """One metric against time, by detector, with its limits; each point is listed with its observation."""
    measured = queries.metrics(observatory, queries.products(observatory))
    if not len(measured):
        text = "Nothing has been measured yet. The nightly pipeline measures each observation."
        return Content("QC trends", [markup.html(markup.empty("No metrics", text, "hven submit panoseti/nightly"))])
    metric = _choice("Metric", _metrics(measured), url, "metric", 280)
    what = _choice("Product", {w: w for w in sorted(measured["what"].unique())}, url, "what", 130)
    grain = _choice("Grain", GRAINS, url, "grain", 170)
    detector = _choice("Detector", {"all": ""} | {str(int(d)): str(int(d)) for d in _detectors(measured)}, url,
                       "detector", 120)  # fmt: skip
    body = pn.bind(partial(_body, url, measured), metric=metric, what=what, grain=grain, detector=detector)
    return Content("QC trends", [body], [metric, what, grain, detector])


def _metrics(measured: pd.DataFrame) -> dict[str, str]:
    names = sorted(measured["metric"].unique(), key=lambda n: (n != FIRST, n))
    return {formats.words(n): n for n in names}


def _detectors(measured: pd.DataFrame) -> list[Any]:
    return sorted(measured["detector"].dropna().unique())


def _choice(label: str, options: dict[str, str], url: Url, name: str, width: int) -> pn.ui.Select:
    asked = url.get(name)
    value = asked if asked in options.values() else next(iter(options.values()))
    select = pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)
    return url.follow(select, name)


def _body(url: Url, measured: pd.DataFrame, *, metric: str, what: str, grain: str, detector: str) -> Any:
    rows = measured[(measured["metric"] == metric) & (measured["what"] == what)]
    if detector:
        rows = rows[rows["detector"] == int(detector)]
    of_grain = rows[rows["grain"] == grain]
    note = "" if len(of_grain) else "; only measured for whole observations"
    rows = (of_grain if len(of_grain) else rows).sort_values("begin")
    if not len(rows):
        text = f"{formats.words(metric).capitalize()} is not measured for {what}; choose another product."
        return markup.html(markup.empty("No such values", text))
    last = rows.iloc[-1].to_dict()
    plot = trend(rows.assign(time=rows["begin"]), units=formats.unit(last["unit"]), limits=last)
    limits = verdict.limits(last)
    title = formats.words(metric).capitalize()
    unit = f" in {formats.unit(last['unit'])}" if formats.unit(last["unit"]) else ""
    return pn.Column(
        section(title + unit, pn.pane.Bokeh(plot, sizing_mode="stretch_width"),
                note=f"{what}; {limits or 'no limits'}{note}",
                line=queries.judging(last["type"], metric, str(last["grain"]))),
        section("Beyond its limits", _bad(url, rows)),
        _download(rows, metric), sizing_mode="stretch_width",
    )  # fmt: skip


def _bad(url: Url, rows: pd.DataFrame) -> Any:
    bad = rows[rows["status"].isin(["warning", "error"])]
    if not len(bad):
        return markup.html(markup.empty("No value beyond its limits"))
    listed = [_row(url, row) for row in bad.tail(50).iloc[::-1].to_dict("records")]
    return markup.html(markup.table(["Begin (UTC)", "Observation", "Detector", "Value", "Limit", "Status"], listed))


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


def _download(rows: pd.DataFrame, metric: str) -> pn.ui.FileDownload:
    return pn.ui.FileDownload(callback=lambda: StringIO(rows.to_csv(index=False)), filename=f"{metric}.csv",
                              label="Download CSV", variant="outlined", size="small", margin=0)  # fmt: skip
