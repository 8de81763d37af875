"""Alarms on an axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.models import BoxAnnotation, ColumnDataSource
from bokeh.plotting import figure

from hven.views import theme
from hven.views.figures.foot_marks import mark_foot

_MOST = 50


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
    source = ColumnDataSource({
        "time": [alarm.since_ns / 1e6 for alarm in shown], "rule": [alarm.rule for alarm in shown],
        "text": [alarm.text for alarm in shown],
    }, name="alarms")  # fmt: skip
    tips = [("alarm", "@rule"), ("", "@text"), ("since", "@time{%F %T}")]
    mark_foot(plot, source, marker="triangle", colour=theme.VERMILION, tips=tips)
