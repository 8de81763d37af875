"""Alarms on an axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.models import BoxAnnotation, ColumnDataSource, FactorRange, Range1d
from bokeh.plotting import figure

from hven.views import theme
from hven.views.figures.style import hover

_MOST = 50
_FOOT = "foot"


def mark_alarms(plot: figure, alarms: Sequence[Any], now_ns: int) -> None:
    """Shade the time of each primary alarm, and put a triangle where it began; a pointer tells which it was."""
    shown = [alarm for alarm in alarms if not alarm.cause][:_MOST]
    if not shown:
        return
    for alarm in shown:
        plot.add_layout(
            BoxAnnotation(left=alarm.since_ns / 1e6, right=(alarm.cleared_ns or now_ns) / 1e6, level="underlay",
                          fill_color=theme.VERMILION, fill_alpha=0.06, line_width=0)
        )  # fmt: skip
    foot, height = _foot(named=isinstance(plot.y_range, FactorRange))
    source = ColumnDataSource({
        "time": [alarm.since_ns / 1e6 for alarm in shown], "rule": [alarm.rule for alarm in shown],
        "text": [alarm.text for alarm in shown], "height": [height] * len(shown),
    }, name="alarms")  # fmt: skip
    plot.extra_y_ranges = {_FOOT: foot}
    dots = plot.scatter("time", "height", source=source, marker="triangle", size=10, color=theme.VERMILION,
                        y_range_name=_FOOT)  # fmt: skip
    hover(plot, [("alarm", "@rule"), ("", "@text"), ("since", "@time{%F %T}")], formatters={"@time": "datetime"},
          renderers=[dots])  # fmt: skip


def _foot(*, named: bool) -> tuple[Range1d | FactorRange, Any]:
    """A range of its own for what stands just above the axis, and where; Bokeh draws none of names beside numbers."""
    return (FactorRange(_FOOT), (_FOOT, -0.46)) if named else (Range1d(0, 1), 0.04)
