"""Marks at the foot of a plot against time, whatever stands on its other axis."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, FactorRange, Range1d
from bokeh.plotting import figure

from hven.views.figures.style import hover

_FOOT = "foot"


def mark_foot(plot: figure, source: ColumnDataSource, *, marker: str, colour: str, tips: list[tuple[str, str]]) -> None:
    """Put a mark at each `time` (ms) of a source; a pointer tells what `tips` name."""
    foot, height = _foot(named=isinstance(plot.y_range, FactorRange))
    source.add([height] * len(source.data["time"]), "height")
    plot.extra_y_ranges = {_FOOT: foot}
    dots = plot.scatter("time", "height", source=source, marker=marker, size=10, color=colour, y_range_name=_FOOT)
    hover(plot, tips, formatters={"@time": "datetime"}, renderers=[dots])


def _foot(*, named: bool) -> tuple[Range1d | FactorRange, Any]:
    """A range of its own for what stands just above the axis, and where; Bokeh draws none of names beside numbers."""
    return (FactorRange(_FOOT), (_FOOT, -0.46)) if named else (Range1d(0, 1), 0.04)
