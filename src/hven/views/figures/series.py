"""Anything against time: waterfall, light curves, housekeeping, metrics with their limits."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper, Range1d
from bokeh.plotting import figure

from hven.views import states, theme
from hven.views.figures.foot_marks import mark_foot
from hven.views.figures.images import stretch
from hven.views.figures.style import (
    BAR,
    LEFT,
    draw_limits,
    hover,
    legend_above,
    milliseconds,
    time_figure,
    value_range,
)

GRID = 800
"""Columns onto which a waterfall is drawn."""


def waterfall(cells: xr.Dataset, *, units: str, held: bool = False) -> figure:
    """Time by pixel: the mean of every pixel against time; times without frames stay empty.

    The figure's data source `waterfall` can be filled anew with `waterfall_data`, e.g. after a zoom.

    Parameters
    ----------
    cells
        From `hven.views.queries.look`: `mean` of dims (time, y, x), coordinates `time` and `time_end`.
    held
        Hold each cell until the next one: for triggered events, whose distances are no gaps.
    """
    data = waterfall_data(cells, held=held)
    low, high = stretch(data["image"][0])
    mapper = LinearColorMapper(palette=theme.INTENSITY, low=low, high=high, nan_color="rgba(0,0,0,0)")
    pixels = data["dh"][0]
    width = Range1d(data["x"][0], data["x"][0] + data["dw"][0])
    plot = time_figure(height=320, label="pixel (row by row)", x_range=width, y_range=Range1d(0, pixels),
                       min_border_left=LEFT, min_border_right=BAR)  # fmt: skip
    source = ColumnDataSource(data, name="waterfall")
    plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper)
    plot.add_layout(ColorBar(color_mapper=mapper, title=units or None, width=10, padding=4), "right")
    hover(plot, [("time", "$x{%F %T}"), ("pixel", "$y{0}"), ("mean", f"@image {units}")], formatters={"$x": "datetime"})
    plot.grid.visible = False
    return plot


def waterfall_data(cells: xr.Dataset, *, held: bool = False) -> dict[str, list[Any]]:
    """Picture and place of a waterfall."""
    begin = cells["time"].to_numpy().astype("datetime64[ns]").astype("int64")
    end = cells["time_end"].to_numpy().astype("datetime64[ns]").astype("int64")
    values = cells["mean"].to_numpy().reshape(len(begin), -1).astype("float32")
    if held:
        begin = np.sort(begin)
        end, values = np.append(begin[1:], end.max()), values[np.argsort(cells["time"].to_numpy(), kind="stable")]
    picture, left, right = on_grid(begin, end, values)
    return {"image": [picture.T], "x": [left / 1e6], "y": [0], "dw": [(right - left) / 1e6], "dh": [values.shape[1]]}


def on_grid(
    begin: np.ndarray[Any, Any], end: np.ndarray[Any, Any], values: np.ndarray[Any, Any], columns: int = GRID
) -> tuple[np.ndarray[Any, Any], float, float]:
    """Put cells of uneven length onto an even grid; columns that no cell covers are NaN.

    A cell reaches at least one and a half typical steps, so that frames that follow each other leave no gaps.

    Parameters
    ----------
    begin, end
        Of each cell, ns.
    values
        Dims (cell, pixel).
    columns
        At most so many columns.

    Returns
    -------
    tuple
        Picture (column, pixel), its begin and its end in ns.

    Examples
    --------
    >>> begin, values = np.array([0, 10, 20, 90]), np.array([[1.0], [3], [4], [5]])
    >>> on_grid(begin, begin + 9, values, 10)[0].ravel()
    array([ 1.,  3.,  4.,  4., nan, nan, nan, nan, nan,  5.], dtype=float32)
    """
    order = np.argsort(begin, kind="stable")
    begin, end, values = begin[order], end[order], values[order]
    step = float(np.median(np.diff(begin))) if len(begin) > 1 else 1e9
    reach = np.maximum(end, begin + 1.5 * step)
    left, right = float(begin[0]), float(max(end.max(), begin[-1] + step / 2))
    width = (right - left) / columns
    centres = left + (np.arange(columns) + 0.5) * width
    cell = np.clip(np.searchsorted(begin, centres, side="right") - 1, 0, len(begin) - 1)
    picture = values[cell].astype("float32")
    picture[centres > reach[cell]] = np.nan
    return picture, left, right


def light_curves(
    cells: xr.Dataset,
    pixels: Sequence[tuple[int, int]],
    *,
    units: str,
    x_range: Any,
    events: pd.DataFrame | None = None,
) -> figure:
    """Light curves of some pixels (y, x): mean as a line, min to max as a band; events (`time`, `text`) at the foot."""
    plot = time_figure(height=220, label=units, x_range=x_range, min_border_left=LEFT, min_border_right=BAR)
    times = milliseconds(cells["time"].to_numpy())
    for colour, (y, x) in zip(theme.SERIES, pixels, strict=False):
        curve = cells.isel(y=y, x=x)
        data = {"time": times, **{k: curve[k].to_numpy() for k in ("mean", "min", "max")}}
        source = ColumnDataSource(data)
        name = f"x {x}, y {y}"
        plot.varea("time", "min", "max", source=source, fill_color=colour, fill_alpha=0.12)
        plot.line("time", "mean", source=source, line_color=colour, line_width=1.5, legend_label=name)
    hover(plot, [("time", "@time{%F %T}"), ("mean", "@mean"), ("min to max", "@min to @max")],
          formatters={"@time": "datetime"}, mode="vline", renderers=list(plot.renderers[1:2]))  # fmt: skip
    if events is not None and len(events):
        source = ColumnDataSource({"time": milliseconds(events["time"].to_numpy()), "text": list(events["text"])})
        tips = [("", "@text"), ("time", "@time{%F %T.%3N}")]
        mark_foot(plot, source, marker="triangle", colour=theme.VERMILION, tips=tips)
    legend_above(plot)
    return plot


def readings(table: pd.DataFrame, columns: Sequence[str], *, units: str, height: int = 200) -> figure:
    """Housekeeping values against time; `table` has a column `time`."""
    plot = time_figure(height=height, label=units)
    times = milliseconds(table["time"].to_numpy())
    for number, column in enumerate(columns):
        colour = theme.SERIES[number % len(theme.SERIES)]
        source = ColumnDataSource({"time": times, "value": table[column].to_numpy(dtype=float)})
        line = plot.line("time", "value", source=source, line_color=colour, line_width=1.5, legend_label=column)
        hover(plot, [(column, f"@value {units}"), ("time", "@time{%F %T}")], formatters={"@time": "datetime"},
              renderers=[line])  # fmt: skip
    legend_above(plot)
    return plot


def trend(
    table: pd.DataFrame,
    *,
    units: str,
    limits: Mapping[Hashable, Any],
    other: pd.DataFrame | None = None,
    height: int = 360,
) -> figure:
    """One metric against time: a colour per detector, a shape per status, limits as bands.

    Parameters
    ----------
    table
        Rows of one metric: columns time, value, detector, status, observation.
    other
        Rows of another period at the times at which they are drawn, hollow and dashed; with a column nights.
    """
    every = table if other is None else pd.concat([table, other])
    plot = time_figure(height=height, label=units, y_range=value_range(every["value"], limits))
    draw_limits(plot, limits)
    colours = dict(zip(sorted(every["detector"].dropna().unique()), cycle(theme.SERIES), strict=False))
    for detector, rows in table.groupby("detector", sort=True):
        _curve(plot, rows, units, colours[detector], f"detector {detector}")
    for detector, rows in other.groupby("detector", sort=True) if other is not None else ():
        _curve(plot, rows, units, colours[detector], f"detector {detector}, {rows['nights'].iloc[0]}", hollow=True)
    legend_above(plot, columns=len(colours) if other is not None else 0)
    return plot


def _curve(plot: figure, rows: pd.DataFrame, units: str, colour: str, name: str, *, hollow: bool = False) -> None:
    line = _broken(rows)
    path = ColumnDataSource({"time": milliseconds(line["time"].to_numpy()), "value": line["value"].to_numpy(float)})
    data = {"time": milliseconds(rows["time"].to_numpy()), "value": rows["value"].to_numpy(dtype=float),
            "begin": milliseconds(rows["begin"].to_numpy()), "observation": rows["observation"].astype(str),
            "detector": rows["detector"].astype(str), "status": rows["status"].astype(str),
            "marker": [_marker(s) for s in rows["status"]]}  # fmt: skip
    plot.line("time", "value", source=path, line_color=colour, line_alpha=0.5, legend_label=name,
              line_dash="dashed" if hollow else "solid")  # fmt: skip
    dots = plot.scatter("time", "value", source=ColumnDataSource(data), marker="marker", size=9, line_color=colour,
                        fill_color=colour, fill_alpha=0.0 if hollow else 0.75, legend_label=name)  # fmt: skip
    hover(plot, [("", "@observation"), ("detector", "@detector"), ("time", "@begin{%F %T}"),
                 ("value", f"@value {units}"), ("status", "@status")],
          formatters={"@begin": "datetime"}, renderers=[dots])  # fmt: skip


def _broken(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with an empty one between nights, so that no line crosses the day."""
    if "day_obs" not in rows:
        return rows
    ends = rows.groupby("day_obs", sort=False).tail(1).assign(value=np.nan)
    return pd.concat([rows, ends]).sort_values(["time", "value"], na_position="last")


def _marker(status: str) -> str:
    return {"ok": "circle"}.get(status, states.mark(status).marker)
