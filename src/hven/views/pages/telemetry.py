"""Telemetry: a channel against time, and the newest sample of every topic."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from hven.core.clock import NS, format_utc, now_ns
from hven.model.telemetry import NUMBERS, Sample, Topic
from hven.observatory import Observatory
from hven.telemetry.queries import TopicState, overview, states
from hven.views import formats, frame, markup
from hven.views.figures.channels import channel
from hven.views.following import keep_fresh
from hven.views.take import plotted
from hven.views.url import Url

POLL_MS = 15_000
PERIODS = {"an hour": 1, "6 hours": 6, "a day": 24, "a week": 168, "30 days": 720}
_SHOWN = 8
_LATE = 5.0
"""A topic is late when its newest sample is so many cadences old."""

_HOUR_NS = 3600 * NS


def page(observatory: Observatory, url: Url) -> frame.Content:
    """What devices say."""
    found = states(observatory.settings)
    if not any(state.latest for state in found):
        why = "Drop files, push samples, or take a simulated night:"
        command = "hven telemetry simulate FOLDER; hven telemetry ingest weather FOLDER/weather/*.csv"
        return frame.Content("Telemetry", [markup.html(markup.empty("No samples yet", why, command))])
    shown = Telemetry(observatory, url, [state for state in found if state.latest])
    keep_fresh(shown.refresh, POLL_MS)
    return frame.Content("Telemetry", [shown.view], shown.controls)


class Telemetry:
    """The parts of the page, which follows by itself.

    Parameters
    ----------
    observatory
        Whose telemetry.
    url
        Keeps what is chosen.
    found
        Topics with samples.
    """

    def __init__(self, observatory: Observatory, url: Url, found: Sequence[TopicState]) -> None:
        self._observatory, self._url = observatory, url
        self._states = {state.topic.name: state for state in found}
        names = [name for name, state in self._states.items() if channels(state)] or list(self._states)
        self._topic = self._choice("Topic", names, "topic", 220)
        self._channel = self._choice("Channel", list(channels(self._states[self._topic.value])), "channel", 300)
        self._period = self._choice("Last", list(PERIODS), "last", 120)
        self.controls = [self._topic, self._channel, self._period]
        self._topic.param.watch(self._offer, "value")
        for control in (self._channel, self._period):
            control.param.watch(self.refresh, "value")
        self._plot = pn.Column(sizing_mode="stretch_width", margin=0)
        self._table = markup.html("")
        self.view = pn.Column(
            self._plot, frame.section("Topics", self._table, note="newest samples; time is UTC"),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self._show()

    def refresh(self, _event: Any = None) -> None:
        """Show what is so now."""
        found = states(self._observatory.settings)
        self._states = {state.topic.name: state for state in found if state.latest}
        self._show()

    def _show(self) -> None:
        self._plot.objects = [frame.guarded(self._draw)]
        markup.change(self._table, newest(list(self._states.values()), now_ns()))

    def _offer(self, _event: Any) -> None:
        """Offer the channels of another topic."""
        offered = list(channels(self._states[self._topic.value]))
        self._channel.param.update(options=offered, value=offered[0] if offered else None)
        self._show()

    def _choice(self, label: str, options: list[str], name: str, width: int) -> pn.ui.Select:
        asked = self._url.get(name)
        value = asked if asked in options else next(iter(options), None)
        select = pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)
        return self._url.follow(select, name)

    def _draw(self) -> Any:
        state = self._states[self._topic.value]
        chosen = channels(state).get(self._channel.value or "")
        if chosen is None:
            return markup.html(markup.empty("Nothing to draw", f"{state.topic.name} has no numbers."))
        field, select = chosen
        end = state.latest_ns + 1
        begin = end - PERIODS[self._period.value] * _HOUR_NS
        cells = overview(self._observatory.root, state.topic.name, field, begin, end, select=select)
        declared = state.topic.field(field)
        pane = pn.pane.Bokeh(channel(cells, units=formats.unit(declared.units)), sizing_mode="stretch_width")
        drawn = plotted(pane, lambda: cells.to_dataframe().reset_index(),
                        file=f"{state.topic.name}-{field}", line=opening(state.topic, field, begin, end))  # fmt: skip
        note = f"{declared.doc} {int(cells['count'].sum()):,} samples; time is UTC"
        return frame.section(f"{state.topic.name} {self._channel.value}", drawn, note=note)


def channels(state: TopicState) -> dict[str, tuple[str, dict[str, str]]]:
    """What can be drawn of a topic, by the name that people choose: a field, and values of the topic's keys."""
    keys = state.topic.keys
    each = [{key: str(sample.values[key]) for key in keys} for sample in state.latest] if keys else [{}]
    numbers = [f.name for f in state.topic.fields if f.dtype in NUMBERS and f.name not in keys]
    return {" ".join([*select.values(), name]): (name, select) for select in sorted(each, key=str) for name in numbers}


def opening(topic: Topic, field: str, begin_ns: int, end_ns: int) -> str:
    """Line that gives the samples in a notebook."""
    return f'obs.telemetry("{topic.name}", ["{field}"], "{format_utc(begin_ns)}", "{format_utc(end_ns)}")'


def newest(found: Sequence[TopicState], now: int) -> str:
    """Table of the topics with their newest samples; one that is late is marked."""
    rows = [_row(state, now) for state in found]
    return markup.table(["Topic", "Kind", "Newest (UTC)", "Age", "", "Values"], rows)


def _row(state: TopicState, now: int) -> list[markup.Cell]:
    age_s = (now - state.latest_ns) / NS
    late = state.topic.cadence_s is not None and age_s > _LATE * state.topic.cadence_s
    return [
        (state.topic.name, "name"),
        (str(state.topic.kind), ""),
        (formats.utc(state.latest_ns), "number"),
        (formats.ago(state.latest_ns, now), "number"),
        ("late" if late else "", "quiet"),
        (_values(state.topic, state.latest[0]), "wrap"),
    ]


def _values(topic: Topic, sample: Sample) -> str:
    told = [_value(topic, name, value) for name, value in list(sample.values.items())[:_SHOWN]]
    return ", ".join(told) + (", …" if len(sample.values) > _SHOWN else "")


def _value(topic: Topic, name: str, value: Any) -> str:
    units = topic.field(name).units
    shown = formats.quantity(float(value), units) if units else str(value)
    return escape(f"{formats.words(name)} {shown}")
