"""Channels of telemetry against time."""

from __future__ import annotations

import xarray as xr
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from hven.views import theme
from hven.views.figures.style import hover, milliseconds, time_figure


def channel(cells: xr.Dataset, *, name: str, units: str) -> figure:
    """Mean as a line, min to max as a band; open where there are no samples.

    Parameters
    ----------
    cells
        `min, max, mean` and `count` along `time`.
    name, units
        What is read, for the axis.
    """
    colour = theme.SERIES[0]
    plot = time_figure(height=360, label=f"{name} ({units})" if units else name)
    data = {kind: cells[kind].to_numpy() for kind in ("min", "max", "mean", "count")}
    source = ColumnDataSource({"time": milliseconds(cells["time"].to_numpy()), **data})
    plot.varea("time", "min", "max", source=source, fill_color=colour, fill_alpha=0.2)
    plot.line("time", "mean", source=source, line_color=colour, line_width=1.5)
    dots = plot.scatter("time", "mean", source=source, size=3, line_color=colour, fill_color=colour)
    hover(plot, [("time", "@time{%F %T}"), ("mean", f"@mean {units}"), ("min to max", "@min to @max"),
                 ("samples", "@count")],
          formatters={"@time": "datetime"}, mode="vline", renderers=[dots])  # fmt: skip
    return plot
