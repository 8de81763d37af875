"""Pictures of the camera: pixel maps and events with their Hillas ellipse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import BasicTicker, ColorBar, ColumnDataSource, LinearColorMapper, TapTool
from bokeh.plotting import figure

from hven.views import theme
from hven.views.figures.style import hover, image_figure

MAP_SIZE = 380


def stretch(values: np.ndarray[Any, Any], clip: float = 0.5) -> tuple[float, float]:
    """Range of colours that leaves out so many percent at either end.

    Examples
    --------
    >>> stretch(np.arange(1001.0), clip=1.0)
    (10.0, 990.0)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, [clip, 100 - clip]))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def pixel_map(image: xr.DataArray, *, title: str, units: str, palette: str = theme.INTENSITY) -> figure:
    """Picture of one number per pixel, dims (y, x), with row 0 at the top; a tap chooses a pixel.

    The figure's data source `pixels` holds `x, y, value`; its selection tells what has been chosen.
    """
    values = np.asarray(image, dtype=float)
    low, high = stretch(values)
    height, width = values.shape
    y, x = np.mgrid[0:height, 0:width]
    plot = image_figure(
        size=MAP_SIZE, title=title, x_range=(-0.5, width - 0.5), y_range=(height - 0.5, -0.5),
        x_axis_label="x (pixel)", y_axis_label="y (pixel)",
    )  # fmt: skip
    mapper = LinearColorMapper(palette=palette, low=low, high=high, nan_color=theme.GREY)
    source = ColumnDataSource({"x": x.ravel(), "y": y.ravel(), "value": values.ravel()}, name="pixels")
    plot.rect(
        "x", "y", 1, 1, source=source, fill_color={"field": "value", "transform": mapper}, line_color=None, dilate=True,
        nonselection_fill_alpha=1.0, selection_line_color=theme.VERMILION, selection_line_width=2,
    )  # fmt: skip
    plot.add_tools(TapTool())
    hover(plot, [("pixel", "x @x, y @y"), ("value", f"@value{{0,0.[000]}} {units}")])
    _bar(plot, mapper, units)
    return plot


def _bar(plot: figure, mapper: LinearColorMapper, units: str) -> None:
    bar = ColorBar(
        color_mapper=mapper, title=units or None, width=10, padding=4, ticker=BasicTicker(desired_num_ticks=5)
    )
    plot.add_layout(bar, "right")
    plot.width = MAP_SIZE + 70


def event_image(
    image: xr.DataArray,
    *,
    title: str,
    units: str,
    shower: Mapping[str, Any] | None = None,
    kept: np.ndarray[Any, Any] | None = None,
) -> figure:
    """Picture of one event with the outline of the pixels that the cleaning kept and its Hillas ellipse.

    Parameters
    ----------
    image
        Dims (y, x).
    shower
        Row of `panoseti.showers`: `cog_x, cog_y, length, width` in pixels and `psi` in radians from +x towards +y.
    kept
        Dims (y, x); true where a pixel was kept.
    """
    plot = pixel_map(image, title=title, units=units)
    if kept is not None:
        plot.multi_line(*outline(kept), line_color=theme.CONTOUR, line_width=2, name="kept")
    if shower is not None:
        x, y, length, width, psi = (float(shower[k]) for k in ("cog_x", "cog_y", "length", "width", "psi"))
        around = ellipse(x, y, length=length, width=width, psi=psi)
        plot.line(*around, line_color=theme.VERMILION, line_width=2.5)
        plot.scatter([x], [y], marker="cross", size=12,
                     line_color=theme.VERMILION, line_width=2.5)  # fmt: skip
    return plot


def outline(kept: np.ndarray[Any, Any]) -> tuple[list[list[float]], list[list[float]]]:
    """Edges between pixels that are kept and those that are not: x and y of each edge's two ends.

    Examples
    --------
    >>> xs, ys = outline(np.array([[False, True]]))
    >>> sorted(zip(xs, ys))
    [([0.5, 0.5], [-0.5, 0.5]), ([0.5, 1.5], [-0.5, -0.5]), ([0.5, 1.5], [0.5, 0.5]), ([1.5, 1.5], [-0.5, 0.5])]
    """
    padded = np.pad(kept, 1)
    upright = [(float(x), float(y)) for y, x in np.argwhere(padded[:, 1:] != padded[:, :-1])]
    level = [(float(x), float(y)) for y, x in np.argwhere(padded[1:] != padded[:-1])]
    xs = [[x - 0.5, x - 0.5] for x, _ in upright] + [[x - 1.5, x - 0.5] for x, _ in level]
    ys = [[y - 1.5, y - 0.5] for _, y in upright] + [[y - 0.5, y - 0.5] for _, y in level]
    return xs, ys


def ellipse(
    x: float, y: float, *, length: float, width: float, psi: float, points: int = 73
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Outline of an ellipse with half axes `length` and `width`, its long axis at `psi` radians from +x.

    Examples
    --------
    >>> xs, ys = ellipse(0, 0, length=2, width=1, psi=np.pi / 2)
    >>> round(float(ys.max()), 6), round(float(xs.max()), 6)
    (2.0, 1.0)
    """
    turn = np.linspace(0, 2 * np.pi, points)
    along, across = length * np.cos(turn), width * np.sin(turn)
    return x + along * np.cos(psi) - across * np.sin(psi), y + along * np.sin(psi) + across * np.cos(psi)
