"""What all figures share: size, tools, time axes, limits."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    DatetimeTickFormatter,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from hven.views import theme

TIMES = {
    "microseconds": "%H:%M:%S.%f", "milliseconds": "%H:%M:%S.%3N", "seconds": "%H:%M:%S", "minsec": "%H:%M:%S",
    "minutes": "%H:%M", "hourmin": "%H:%M", "hours": "%H:%M", "days": "%d %b", "months": "%b %Y", "years": "%Y",
}  # fmt: skip


LEFT, BAR = 72, 92
"""Room for the axis at the left of a plot, and for a bar of colours at its right, so that axes above each other fit."""


def time_figure(*, height: int, label: str = "", **options: Any) -> figure:
    """Figure with a UTC time axis; the wheel zooms in time only."""
    zoom = WheelZoomTool(dimensions="width")
    plot = figure(
        height=height, sizing_mode="stretch_width", x_axis_type="datetime", y_axis_label=label or None,
        tools=[PanTool(dimensions="width"), zoom, ResetTool(), SaveTool()], toolbar_location="right",
        **{"min_border_right": theme.SPACE, **options},
    )  # fmt: skip
    plot.toolbar.active_scroll = zoom
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.xaxis.formatter = DatetimeTickFormatter(**TIMES)
    return plot


def image_figure(*, size: int, **options: Any) -> figure:
    """Square figure for a picture of the camera; x and y are pixels."""
    plot = figure(
        width=size, height=size, match_aspect=True, x_range=options.pop("x_range", (-0.5, 31.5)),
        y_range=options.pop("y_range", (-0.5, 31.5)), tools=[ResetTool(), SaveTool()], toolbar_location="right",
        **options,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.visible = False
    return plot


def hover(plot: figure, lines: list[tuple[str, str]], **options: Any) -> None:
    """Tell the values under the pointer; `@time{%F %T}` writes a time."""
    plot.add_tools(HoverTool(tooltips=lines, **options))


def milliseconds(times: Any) -> Any:
    """Bokeh's own time: milliseconds since 1970 as float."""
    return np.asarray(times, dtype="datetime64[ns]").astype("int64") / 1e6


def legend_above(plot: figure, *, columns: int = 0) -> None:
    """Put the legend above the plot, where it covers nothing; a click on an entry hides its curve.

    It is one line, or has so many columns.
    """
    for legend in list(plot.legend):
        if columns:
            legend.ncols = columns
        legend.update(
            orientation="horizontal", click_policy="hide", border_line_alpha=0, padding=4, margin=2, spacing=12
        )
        plot.center.remove(legend)
        plot.add_layout(legend, "above")


def value_range(values: Any, limits: Mapping[Hashable, Any]) -> Range1d:
    """Range that shows all values and the limits of `ok`; those of errors only where values come near them."""
    shown = [float(v) for v in np.asarray(values, dtype=float) if np.isfinite(v)]
    shown += [float(v) for k in ("lower", "upper") if (v := limits.get(k)) is not None and np.isfinite(v)]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    margin = 0.12 * (high - low) or abs(high) * 0.1 or 1.0
    return Range1d(low - margin, high + margin)


def draw_limits(plot: figure, limits: Mapping[Hashable, Any]) -> None:
    """Draw where values become a warning (light band) and an error (darker band)."""
    for key, colour, alpha in (("upper", theme.ORANGE, 0.10), ("upper_err", theme.VERMILION, 0.12)):
        _band(plot, limits.get(key), colour, alpha, above=True)
        _band(plot, limits.get(key.replace("upper", "lower")), colour, alpha, above=False)


def _band(plot: figure, limit: float | None, colour: str, alpha: float, *, above: bool) -> None:
    if limit is None or not np.isfinite(limit):
        return
    edge = {"bottom": limit} if above else {"top": limit}
    plot.add_layout(BoxAnnotation(fill_color=colour, fill_alpha=alpha, line_width=0, level="underlay", **edge))
    plot.add_layout(Span(location=limit, dimension="width", line_color=colour, line_dash="dashed", line_width=1))
