"""The night as a line of cells: what was observed when, by which detector, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from bokeh.models import BoxAnnotation, ColumnDataSource, FactorRange, OpenURL, Range1d, TapTool
from bokeh.plotting import figure

from hven.views import states, theme
from hven.views.figures.style import hover, time_figure

ROW = 30
"""Height of one detector, in pixels."""
MARGIN = 0.05
"""Time shown before and after, as a fraction of the night."""
SHORTEST_NS = 600e9
MIN_WIDTH = 0.004
"""A cell is at least so wide, as a fraction of the night, so that it can be hit."""


def nightline(
    cells: pd.DataFrame, *, dark: Sequence[tuple[float, float, float]] = (), links: Mapping[str, str] | None = None
) -> figure:
    """Timeline of a night.

    Parameters
    ----------
    cells
        One row for each observation, detector and product: columns observation, detector, what, begin_ns, end_ns, rows,
        state; `marks`, who has marked what of it bad, where somebody has.
    dark
        Twilight and night to shade: begin and end in ms, and opacity.
    links
        Address of the page behind a cell, by `observation/detector/what`.
    """
    rows = [f"{d} {w}" for d, w in sorted({(int(d), w) for d, w in zip(cells["detector"], cells["what"], strict=True)})]
    first, last = float(cells["begin_ns"].min()), float(cells["end_ns"].max())
    span = max(last - first, SHORTEST_NS)
    shown = Range1d((first - MARGIN * span) / 1e6, (last + MARGIN * span) / 1e6)
    lanes = FactorRange(*reversed(rows), range_padding=0.1)
    plot = time_figure(height=64 + ROW * len(rows), x_range=shown, y_range=lanes)
    for begin, end, alpha in dark:
        shade = BoxAnnotation(left=begin, right=end, fill_color=theme.GREY, fill_alpha=alpha, level="underlay")
        plot.add_layout(shade)
    for state, group in cells.groupby("state", sort=False):
        _draw(plot, group, str(state), span, links or {})
    plot.ygrid.visible = False
    plot.add_tools(TapTool(callback=OpenURL(url="@link", same_tab=True)))
    return plot


def _draw(plot: figure, group: pd.DataFrame, state: str, span: float, links: Mapping[str, str]) -> None:
    mark = states.mark(state)
    begin, end = group["begin_ns"].to_numpy(float), group["end_ns"].to_numpy(float)
    end = np.maximum(end, begin + MIN_WIDTH * span)
    keys = [f"{o}/{d}/{w}" for o, d, w in zip(group["observation"], group["detector"], group["what"], strict=True)]
    source = ColumnDataSource({
        "left": begin / 1e6, "right": end / 1e6, "middle": (begin + end) / 2e6,
        "row": [f"{int(d)} {w}" for d, w in zip(group["detector"], group["what"], strict=True)],
        "observation": group["observation"].astype(str), "frames": group["rows"].to_numpy(),
        "state": [mark.word] * len(group), "link": [links.get(k, "") for k in keys],
        **({"marks": group["marks"].to_numpy()} if _said(group) else {}),
    })  # fmt: skip
    bars = plot.hbar(
        y="row", left="left", right="right", height=0.72, source=source, fill_color=mark.colour, fill_alpha=0.3,
        line_color=mark.colour, line_width=1.5, nonselection_fill_alpha=0.3, nonselection_line_alpha=1.0,
    )  # fmt: skip
    plot.scatter(
        "middle", "row", source=source, marker=mark.marker, size=10, line_color=mark.colour, line_width=2,
        fill_color=mark.colour if mark.filled else None, nonselection_fill_alpha=1.0, nonselection_line_alpha=1.0,
    )  # fmt: skip
    hover(plot, [("", "@observation"), ("state", "@state"), ("frames", "@frames{0,0}"),
                 ("begin", "@left{%F %T}"), ("end", "@right{%T}"), *([("marks", "@marks")] if _said(group) else [])],
          formatters={"@left": "datetime", "@right": "datetime"}, renderers=[bars])  # fmt: skip


def _said(group: pd.DataFrame) -> bool:
    return "marks" in group and bool(group["marks"].any())
