"""What is being taken: the last drop beside its fit, and what was measured against time; both can be filled anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper, Whisker
from bokeh.plotting import figure
from numpy.typing import NDArray

from hven.views import theme
from hven.views.figures.images import stretch
from hven.views.figures.style import hover, image_figure, legend_above, milliseconds, time_figure

SIZE = 300
RESIDUALS = 5.0
"""Residuals are coloured up to so many standard deviations."""


@dataclass(slots=True)
class Picture:
    """A picture that is replaced: its figure, its pixels, its colours."""

    plot: figure
    source: ColumnDataSource
    mapper: LinearColorMapper

    def show(self, image: NDArray[Any], *, scale: tuple[float, float]) -> None:
        """Another image, dims (y, x), on another scale."""
        height, width = image.shape
        self.mapper.update(low=scale[0], high=scale[1])
        self.source.data = {"image": [image], "x": [0], "y": [0], "dw": [width], "dh": [height]}
        self.plot.x_range.update(start=0, end=width)
        self.plot.y_range.update(start=0, end=height)


def picture(title: str, units: str, *, palette: str = theme.INTENSITY) -> Picture:
    """An empty picture; its axes are cells."""
    plot = image_figure(size=SIZE, title=title, x_range=(0, 1), y_range=(0, 1))
    source = ColumnDataSource({name: [] for name in ("image", "x", "y", "dw", "dh")})
    mapper = LinearColorMapper(palette=palette, low=0, high=1, nan_color=theme.GREY)
    plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper)
    plot.add_layout(ColorBar(color_mapper=mapper, title=units or None, width=10, padding=4), "right")
    plot.width = SIZE + 70
    return Picture(plot, source, mapper)


def show_drop(pictures: Mapping[str, Picture], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Fill `light` and `fit` on one scale, and `residual`, what the fit leaves, around zero."""
    scale = stretch(arrays["light"])
    for name, drawn in pictures.items():
        drawn.show(arrays[name], scale=(-RESIDUALS, RESIDUALS) if name == "residual" else scale)


@dataclass(slots=True)
class Course:
    """Values with their errors against time, in series that are filled anew."""

    plot: figure
    sources: dict[str, ColumnDataSource]

    def show(self, rows: pd.DataFrame, value: str, error: str, series: str) -> None:
        """Values of some rows, with the columns of their time, their error and the series to which they belong."""
        for name, source in self.sources.items():
            own = rows[rows[series].astype(str) == name] if len(rows) else rows
            numbers = own[value].to_numpy(float) if len(own) else np.empty(0)
            spread = own[error].to_numpy(float) if len(own) else np.empty(0)
            source.data = {
                "time": milliseconds(own["time"].to_numpy()) if len(own) else np.empty(0),
                "value": numbers, "upper": numbers + spread, "lower": numbers - spread,
            }  # fmt: skip


def course(names: Mapping[str, str], units: str, *, height: int = 220) -> Course:
    """An empty plot of series: what each is called, by what it has in the rows."""
    plot = time_figure(height=height, label=units)
    sources = {}
    for (name, title), colour in zip(names.items(), theme.SERIES, strict=False):
        source = ColumnDataSource({k: [] for k in ("time", "value", "upper", "lower")})
        plot.scatter("time", "value", source=source, size=6, color=colour, legend_label=title)
        bars = Whisker(base="time", upper="upper", lower="lower", source=source, line_color=colour)
        bars.upper_head.size = bars.lower_head.size = 0
        plot.add_layout(bars)
        sources[name] = source
    hover(plot, [("time", "@time{%F %T}"), ("value", f"@value {units}")], formatters={"@time": "datetime"})
    legend_above(plot)
    return Course(plot, sources)
