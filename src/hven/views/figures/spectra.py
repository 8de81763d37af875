"""Distributions: histograms, power and size spectra, and event scatter plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, LabelSet, TapTool
from bokeh.plotting import figure

from hven.views import formats, theme
from hven.views.figures.style import hover


def _plain(height: int, **options: Any) -> figure:
    plot = figure(height=height, sizing_mode="stretch_width", tools="pan,wheel_zoom,reset,save", **options)
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    return plot


def counts(values: np.ndarray[Any, Any], bins: int = 80) -> pd.DataFrame:
    """Count values: columns left, right, number; values that are not finite are left out.

    Examples
    --------
    >>> counts(np.array([0.0, 1, 1, np.nan]), bins=2).to_dict("list")
    {'left': [0.0, 0.5], 'right': [0.5, 1.0], 'number': [1, 2]}
    """
    finite = np.asarray(values, dtype=float).ravel()
    number, edges = np.histogram(finite[np.isfinite(finite)], bins=bins)
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "number": number})


def histogram(counted: pd.DataFrame, *, label: str, height: int = 260) -> figure:
    """Distribution of values as `counts` gives it, on a logarithmic axis."""
    plot = _plain(height, x_axis_label=label, y_axis_label="number of values", y_axis_type="log")
    source = ColumnDataSource(counted[counted["number"] > 0])
    plot.quad(top="number", bottom=0.5, left="left", right="right", source=source, fill_color=theme.BLUE,
              fill_alpha=0.7, line_color=None)  # fmt: skip
    hover(plot, [(label, "@left to @right"), ("number", "@number{0,0}")])
    return plot


def power_against_frequency(
    density: pd.DataFrame, *, units: str, line: tuple[float, float] | None = None, height: int = 320
) -> figure:
    """Power spectral density as `power_density` gives it, the strongest line named."""
    label = f"power spectral density ({units}²/Hz)"
    plot = _plain(height, x_axis_label="frequency (Hz)", y_axis_label=label, x_axis_type="log", y_axis_type="log")
    shown = density[density["density"] > 0]
    curve = plot.line("frequency", "density", source=ColumnDataSource(shown), line_color=theme.BLUE, line_width=1.2)
    if line:
        name = f"{formats.number(line[0], 4)} Hz"
        marked = ColumnDataSource({"x": [line[0]], "y": [line[1]], "name": [name]}, name="line")
        plot.scatter("x", "y", source=marked, size=8, marker="inverted_triangle", fill_color=theme.VERMILION,
                     line_color=None)  # fmt: skip
        plot.add_layout(LabelSet(x="x", y="y", text="name", source=marked, text_align="right", x_offset=-8, y_offset=-6,
                                 text_font_size="12px", text_color=theme.VERMILION))  # fmt: skip
    hover(plot, [("frequency", "@frequency{0.000} Hz"), ("density", "@density{0.00e+0}")], renderers=[curve],
          mode="vline")  # fmt: skip
    return plot


def sizes(counted: pd.DataFrame, *, units: str, height: int = 320) -> figure:
    """Events per decade of size as `size_spectrum.counted` gives them, with their errors."""
    lowest = float((counted["density"] / counted["events"]).iloc[0]) / 2
    plot = _plain(
        height,
        x_axis_label=f"size ({units})",
        y_axis_label="events per decade of size",
        x_axis_type="log",
        y_axis_type="log",
        y_range=(lowest, 2 * float((counted["density"] + counted["error"]).max())),
    )
    table = counted.assign(
        middle=np.sqrt(counted["low"] * counted["high"]),
        lower=np.maximum(counted["density"] - counted["error"], lowest),
        upper=counted["density"] + counted["error"],
    )  # fmt: skip
    source = ColumnDataSource(table)
    plot.segment("low", "density", "high", "density", source=source, line_color=theme.BLUE, line_width=1.5)
    plot.segment("middle", "lower", "middle", "upper", source=source, line_color=theme.BLUE, line_width=1.5)
    dots = plot.scatter("middle", "density", source=source, size=6, marker="circle", fill_color=theme.BLUE,
                        line_color=None)  # fmt: skip
    hover(plot, [("size", "@low{0,0.0} to @high{0,0.0}"), ("events", "@events{0,0}"), ("or larger", "@above{0,0}")],
          renderers=[dots])  # fmt: skip
    return plot


def event_scatter(events: pd.DataFrame, x: str, y: str, *, labels: tuple[str, str], height: int = 320) -> figure:
    """Two numbers of each event against each other; a tap chooses an event.

    The data source `events` holds `row`, the event's row in the table.
    """
    plot = _plain(height, x_axis_label=labels[0], y_axis_label=labels[1], x_axis_type=_scale(events[x]))
    source = ColumnDataSource({"x": events[x].to_numpy(float), "y": events[y].to_numpy(float),
                               "row": np.arange(len(events))}, name="events")  # fmt: skip
    plot.scatter("x", "y", source=source, size=7, marker="circle", fill_color=theme.BLUE, fill_alpha=0.5,
                 line_color=None, nonselection_fill_alpha=0.3, selection_fill_color=theme.VERMILION,
                 selection_fill_alpha=1.0)  # fmt: skip
    plot.add_tools(TapTool())
    hover(plot, [("event", "@row"), (labels[0], "@x"), (labels[1], "@y")])
    return plot


def _scale(values: pd.Series[Any]) -> str:
    positive = values[values > 0]
    wide = len(positive) == len(values) and len(values) > 0 and positive.max() > 100 * positive.min()
    return "log" if wide else "linear"
