"""Telemetry: a channel against time, and the newest sample of every topic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from hven.core.clock import NS, format_utc, now_ns
from hven.model.telemetry import NUMBERS, Sample, Topic
from hven.observatory import Observatory
from hven.telemetry.queries import TopicState, overview
from hven.telemetry.queries import states as topics
from hven.views import formats, frame, markup, night_parts, states
from hven.views.figures.channels import channel
from hven.views.following import keep_fresh
from hven.views.take import plotted
from hven.views.url import Url

POLL_MS = 15_000
PERIODS = {"last hour": 1, "last 6 hours": 6, "last day": 24, "last week": 168, "last 30 days": 720}
"""Hours before the newest sample of a topic."""

FIRST = "last 6 hours"
_SHOWN = 8
_LATE = 5.0
"""A topic is late when its newest sample is so many cadences old."""

_PAST_S = 86_400.0
"""What has been silent for so long is of a past night, and nobody waits for it."""

_HOUR_NS = 3600 * NS


def page(observatory: Observatory, url: Url) -> frame.Content:
    """What devices say."""
    found = topics(observatory.settings)
    if not any(state.latest for state in found):
        why = "Devices drop files or push samples, and products of housekeeping bring theirs. Try a simulated night:"
        command = "hven telemetry simulate FOLDER; hven telemetry ingest weather FOLDER/weather/*.csv"
        return frame.Content("Telemetry", [markup.html(markup.empty("No samples yet", why, command))])
    shown = Telemetry(observatory, url, [state for state in found if state.latest])
    keep_fresh(shown.refresh, POLL_MS)
    return frame.Content("Telemetry", [shown.view], shown.controls, about=shown.about)


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
        night = url.whole("night")
        self._nights = {f"night {formats.night(night)}": night} if night else {}
        self._period = self._choice("Time", [*self._nights, *PERIODS], "time", 170, next(iter(self._nights), FIRST))
        self.controls = [self._topic, self._channel, self._period]
        self._topic.param.watch(self._offer, "value")
        for control in (self._channel, self._period):
            control.param.watch(self.refresh, "value")
        self._plot = pn.Column(sizing_mode="stretch_width", margin=0)
        self._table = markup.html("")
        self.view = pn.Column(
            self._plot, frame.section("Topics", self._table, note="the newest sample of each; time is UTC"),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self._show()

    @property
    def about(self) -> str:
        """Topic that is shown."""
        return str(self._topic.value)

    def refresh(self, _event: Any = None) -> None:
        """Show what is so now."""
        found = topics(self._observatory.settings)
        self._states = {state.topic.name: state for state in found if state.latest}
        self._show()

    def _show(self) -> None:
        frame.entitle(self.about, "Telemetry")
        self._plot.objects = [frame.guarded(self._draw)]
        markup.change(self._table, newest(list(self._states.values()), now_ns()))

    def _offer(self, _event: Any) -> None:
        """Offer the channels of another topic."""
        offered = list(channels(self._states[self._topic.value]))
        self._channel.param.update(options=offered, value=offered[0] if offered else None)
        self._show()

    def _choice(self, label: str, options: list[str], name: str, width: int, first: str = "") -> pn.ui.Select:
        asked = self._url.get(name)
        value = asked if asked in options else first or next(iter(options), None)
        select = pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)
        return self._url.follow(select, name)

    def _draw(self) -> Any:
        state = self._states[self._topic.value]
        chosen = channels(state).get(self._channel.value or "")
        if chosen is None:
            return markup.html(markup.empty("Nothing to draw", f"{state.topic.name} has no numbers."))
        field, select = chosen
        begin, end = self._span(state)
        cells = overview(self._observatory.root, state.topic.name, field, begin, end, select=select)
        declared, count = state.topic.field(field), int(cells["count"].sum())
        when = f"{formats.utc(begin)[:16]} to {formats.utc(end)[:16]} UTC"
        title, note = f"{state.topic.name} {self._channel.value}", f"{declared.doc} {count:,} samples, {when}"
        if not count:
            why = "Choose another channel or a longer time; not every device of a topic has every reading."
            return frame.section(title, markup.html(markup.empty("No samples of this time", why)), note=note)
        plot = channel(cells, name=formats.words(field), units=formats.unit(declared.units))
        pane = pn.pane.Bokeh(plot, sizing_mode="stretch_width")
        drawn = plotted(pane, lambda: cells.to_dataframe().reset_index(),
                        file=f"{state.topic.name}-{field}", line=opening(state.topic, field, begin, end))  # fmt: skip
        return frame.section(title, drawn, note=note)

    def _span(self, state: TopicState) -> tuple[int, int]:
        """Begin and end of the chosen time: of a night, or up to the newest sample."""
        if self._period.value in self._nights:
            return night_parts.span(self._observatory, self._nights[self._period.value])
        end = state.latest_ns + 1
        return end - PERIODS[self._period.value] * _HOUR_NS, end


def channels(state: TopicState) -> dict[str, tuple[str, dict[str, str]]]:
    """What can be drawn of a topic, by the name that people choose: a field, and values of the topic's keys.

    Those without a reading in the newest sample come last, as a device need not have all fields of its topic; before
    them whole numbers, which often only count or name things.
    """
    keys = state.topic.keys
    numbers = [f for f in state.topic.fields if f.dtype in NUMBERS and f.name not in keys]
    found = [(sample, {key: str(sample.values[key]) for key in keys}) for sample in state.latest]
    each = [(s, field, select) for s, select in sorted(found, key=lambda one: str(one[1])) for field in numbers]
    ranked = sorted(each, key=lambda one: (not _reads(one[0], one[1].name), one[1].dtype != "float64"))
    return {" ".join([*select.values(), field.name]): (field.name, select) for _, field, select in ranked}


def _reads(sample: Sample, name: str) -> bool:
    value = sample.values.get(name)
    return value is not None and math.isfinite(float(value))


def opening(topic: Topic, field: str, begin_ns: int, end_ns: int) -> str:
    """Line that gives the samples in a notebook."""
    return f'obs.telemetry("{topic.name}", ["{field}"], "{format_utc(begin_ns)}", "{format_utc(end_ns)}")'


def newest(found: Sequence[TopicState], now: int) -> str:
    """Table of the topics with their newest samples; one that is late is marked."""
    rows = [_row(state, now) for state in found]
    return markup.table(["Topic", "Kind", "Newest (UTC)", "Age", "State", "Values"], rows)


def _row(state: TopicState, now: int) -> list[markup.Cell]:
    age_s = (now - state.latest_ns) / NS
    late = state.topic.cadence_s is not None and age_s > _LATE * state.topic.cadence_s
    told = "past" if age_s > _PAST_S else states.chip("late") if late else ""
    return [
        (state.topic.name, "name"),
        (str(state.topic.kind), ""),
        (formats.utc(state.latest_ns), "number"),
        (formats.ago(state.latest_ns, now), "number"),
        (told, "quiet"),
        (_values(state.topic, state.latest[0]) + _others(state), "wrap"),
    ]


def _values(topic: Topic, sample: Sample) -> str:
    told = [_value(topic, name, value) for name, value in list(sample.values.items())[:_SHOWN]]
    return ", ".join(told) + (", …" if len(sample.values) > _SHOWN else "")


def _others(state: TopicState) -> str:
    more = len(state.latest) - 1
    return f" <span class='quiet'>and {more} more by {escape(' and '.join(state.topic.keys))}</span>" if more else ""


def _value(topic: Topic, name: str, value: Any) -> str:
    units = topic.field(name).units
    shown = formats.quantity(float(value), units) if units else str(value)
    return escape(f"{formats.words(name)} {shown}")
