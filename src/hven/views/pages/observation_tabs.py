"""Tabs of the observation page: quality, events, housekeeping, distribution, spectrum, provenance, log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from hven.model.data_id import Level
from hven.model.metric import SEVERITY
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import formats, markup, observation_log, queries, states, theme, verdict
from hven.views.event_marks import kind_of
from hven.views.events import Events
from hven.views.figures.series import readings
from hven.views.figures.spectra import counts, histogram
from hven.views.frame import guarded, section
from hven.views.frames import Frames
from hven.views.provenance import provenance
from hven.views.spectrum import spectrum
from hven.views.take import Take, plotted
from hven.views.url import Url

READINGS = {
    "Bias voltage (mean of channels)": ("V", [f"hv_{n}" for n in range(4)]),
    "Bias current (mean of channels)": ("A", [f"hv_current_{n}" for n in range(4)]),
    "Temperature of the detector": ("°C", ["detector_temperature"]),
    "Temperature of the FPGA": ("°C", ["fpga_temperature"]),
    "1.2 V rail": ("V", ["rail_1v2"]),
    "3.3 V rail": ("V", ["rail_3v3"]),
}
"""Housekeeping plots: title, unit, columns whose mean is drawn; a curve for each quabo."""
SAMPLE = 2_000_000
"""A histogram takes at most so many values."""


def everything(
    observatory: Observatory,
    url: Url,
    found: pd.DataFrame,
    what: str,
    detector: int,
    *,
    measured: pd.DataFrame,
    frames: Frames,
    source: str,
) -> pn.ui.Tabs:
    """Tabs; each is made when it is first opened, and the open one is in the address."""
    makers: dict[str, Callable[[], Any]] = {
        "Quality": partial(_quality, url, measured, what, queries.pick(found, Level.L2, f"{what}.qc", detector)),
        "Player": frames.player,
        "Events": partial(_events, observatory, found, what, detector, source),
        "Housekeeping": partial(_housekeeping, observatory, found, detector, source),
        "Distribution": partial(_distribution, observatory, frames, source),
        "Spectrum": partial(spectrum, observatory, frames.product, found, source),
        "Provenance": partial(provenance, observatory, found, what, detector),
        "Log": partial(_log, observatory, found, what, detector),
    }
    names = list(makers)
    active = names.index(url.get("tab")) if url.get("tab") in names else 0
    panes = [pn.Column(sizing_mode="stretch_width", margin=(2 * theme.SPACE, 0)) for _ in names]
    panes[active].objects = [guarded(makers[names[active]])]
    tabs = pn.ui.Tabs(*zip(names, panes, strict=True), active=active, sizing_mode="stretch_width", margin=0)

    def opened(event: Any) -> None:
        if not panes[event.new].objects:
            panes[event.new].objects = [guarded(makers[names[event.new]])]
        url.set(tab=names[event.new])

    tabs.param.watch(opened, "active")
    return tabs


def _quality(url: Url, measured: pd.DataFrame, what: str, product: Product | None) -> Any:
    if product is None or not len(measured):
        text = "The nightly pipeline measures each observation after it is calibrated."
        return markup.html(markup.empty("Not measured yet", text, "hven submit panoseti/nightly --shared"))
    whole = measured[measured["grain"] == queries.WHOLE]
    order = {str(s): -SEVERITY.index(s) for s in SEVERITY} | {"unlimited": 1}
    ranked = whole.assign(rank=whole["status"].map(lambda s: order[str(s)])).sort_values(["rank", "metric"])
    hours = dict(list(measured[measured["grain"] == "hour"].groupby("metric")))
    rows = [_metric(url, row, hours.get(row["metric"]), what) for row in ranked.to_dict("records")]
    columns = ["Metric", "Value", "Status", "Limits", "By the hour", "What to do"]
    table = markup.html(markup.table(columns, rows))
    summary = " ".join(states.chip(str(s), f"{int((whole['status'] == s).sum())} {states.mark(str(s)).word}")
                      for s in reversed(SEVERITY) if (whole["status"] == s).any())  # fmt: skip
    take = Take(lambda: measured, file=queries.file_stem(product),
                line=f'obs.quality(obs.product("{product.id}"))')  # fmt: skip
    return section("Quality metrics", markup.html(summary), table, take, note="whole observation, the worst first")


def _metric(url: Url, row: dict[Any, Any], hours: pd.DataFrame | None, what: str) -> list[markup.Cell]:
    advice = str(row["advice"] or "") if row["status"] in ("warning", "error") else ""
    return [
        (markup.link(formats.words(row["metric"]), url.to("trends", metric=row["metric"], what=what)), ""),
        (escape(formats.quantity(row["value"], row["unit"])), "number"),
        (states.chip(row["status"]), ""),
        (escape(verdict.limits(row)) or formats.MISSING, ""),
        (_tiny(hours), ""),
        (escape(advice), "wrap"),
    ]


def _tiny(hours: pd.DataFrame | None) -> str:
    """Curve over the hours as a small picture in the table."""
    if hours is None or len(hours) < 2:  # noqa: PLR2004 - a line has two points
        return formats.MISSING
    values = hours.sort_values("begin")["value"].to_numpy(dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    heights = 16 - 14 * (values - low) / ((high - low) or 1.0)
    points = " ".join(f"{2 + 76 * i / (len(values) - 1):.1f},{y:.1f}" for i, y in enumerate(heights) if np.isfinite(y))
    label = f"{formats.number(values[0])} to {formats.number(values[-1])}"
    return (
        f'<svg width="80" height="18" role="img" aria-label="{label}"><title>{label}</title>'
        f'<polyline points="{points}" fill="none" stroke="{theme.BLUE}" stroke-width="1.5"/></svg>'
    )


def _events(observatory: Observatory, found: pd.DataFrame, what: str, detector: int, source: str) -> Any:
    kind = kind_of(what)
    product = queries.pick(found, Level.L2, kind, detector)
    frames = queries.pick(found, Level.L1, what, detector)
    if product is None:
        text = f"The table of {kind} of this detector has not been made."
        return markup.html(markup.empty(f"No {kind} yet", text, f"hven submit panoseti/{kind} --shared"))
    if frames is None:
        text = f"The {kind} are there; their images are shown from calibrated frames, which have not been made."
        return markup.html(markup.empty("No calibrated frames yet", text, "hven submit panoseti/calibrate --shared"))
    return Events(observatory, product, frames, kind, source).panel()


def _housekeeping(observatory: Observatory, found: pd.DataFrame, detector: int, source: str) -> Any:
    product = queries.pick(found, Level.L1, "housekeeping")
    if product is None:
        return markup.html(_no_housekeeping(recorded=queries.pick(found, Level.L0, "housekeeping") is not None))
    table = queries.read_table(observatory, product)
    mine = table[table["detector"] == detector].sort_values("time")
    if not len(mine):
        return markup.html(markup.empty(f"No housekeeping of detector {detector}", "Other detectors have some."))
    opening = queries.opening(product)
    plots = [
        _readings(mine, title, units, columns, file=queries.file_stem(product, title), source=source,
                  line=f"{opening}\nds[{columns}].to_dataframe()")
        for title, (units, columns) in READINGS.items()
    ]  # fmt: skip
    grid = pn.FlexBox(*[p for p in plots if p is not None], gap=f"{2 * theme.SPACE}px", sizing_mode="stretch_width")
    return section("Housekeeping", grid, note=f"{len(mine):,} readings of detector {detector}")


def _no_housekeeping(*, recorded: bool) -> str:
    if not recorded:
        return markup.empty("No housekeeping", "None was recorded with this observation.")
    text = "The numbers are made from the recorded housekeeping by the calibration."
    return markup.empty("No housekeeping yet", text, "hven submit panoseti/calibrate --shared")


def _readings(table: pd.DataFrame, title: str, units: str, columns: list[str], **take: Any) -> Any:
    means = table.assign(value=table[columns].mean(axis=1)).dropna(subset="value")
    if not len(means):
        return None
    wide = means.pivot_table(index="time", columns="quabo", values="value").interpolate()
    wide.columns = [f"quabo {q}" for q in wide.columns]
    curves = wide.reset_index()
    pane = pn.pane.Bokeh(readings(curves, list(wide.columns), units=units, height=220), sizing_mode="stretch_width",
                         margin=0)  # fmt: skip
    shown = plotted(pane, lambda: curves, **take)
    return pn.Column(markup.html(f"<b>{title}, {units}</b>"), shown, styles={"flex": "1 1 460px"}, min_width=320,
                     margin=0)  # fmt: skip


def _log(observatory: Observatory, found: pd.DataFrame, what: str, detector: int) -> Any:
    raw = queries.pick(found, Level.L0, what, detector)
    assert raw is not None  # noqa: S101 - the page has shown its frames
    return markup.html(observation_log.shown(observatory.root, raw))


def _distribution(observatory: Observatory, frames: Frames, source: str) -> Any:
    product, variable = frames.product, frames.variable
    dataset = queries.read(observatory, product)[variable]
    per_frame = int(np.prod(dataset.shape[1:]))
    count = max(1, min(product.rows, SAMPLE // per_frame))
    counted = counts(dataset.isel(time=slice(0, count)).to_numpy())
    pane = pn.pane.Bokeh(histogram(counted, label=f"{variable} ({formats.unit(dataset.attrs.get('units', ''))})"),
                         sizing_mode="stretch_width")  # fmt: skip
    line = f'{queries.opening(product)}\nds["{variable}"].isel(time=slice(0, {count})).plot.hist(bins={len(counted)})'
    shown = plotted(pane, lambda: counted, file=queries.file_stem(product, "distribution"), line=line, source=source)
    return section("Distribution of pixel values", shown,
                   note=f"all pixels of the first {count:,} of {product.rows:,} frames")  # fmt: skip
