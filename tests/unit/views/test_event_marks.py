"""Events stand on the light curves of the pixels in which they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from bokeh.models import Range1d

from hven.views import event_marks, queries
from hven.views.figures.series import light_curves

BEGIN = np.datetime64("2025-10-22T07:00", "ns")
SECOND = np.timedelta64(1, "s")


def pulses(places):
    times = BEGIN + np.arange(len(places)) * SECOND
    return pd.DataFrame({"time": times, "text": [f"pulse {n}" for n in range(len(places))],
                         "y": [y for y, _ in places], "x": [x for _, x in places]})  # fmt: skip


def test_pulses_are_marked_in_their_own_pixels_and_in_the_time_that_is_shown():
    events = pulses([(1, 2), (2, 1), (1, 2), (1, 2)])

    found = event_marks.marked(events, [(1, 2), (5, 5)], BEGIN, BEGIN + 2 * SECOND)

    assert list(found["text"]) == ["pulse 0", "pulse 2"]


def test_of_very_many_the_strongest_are_marked():
    events = pulses([(1, 2)] * (event_marks.MOST_SHOWN + 5))

    found = event_marks.marked(events, [(1, 2)], BEGIN, BEGIN + len(events) * SECOND)

    assert list(found["text"]) == list(events["text"][: event_marks.MOST_SHOWN])


def test_events_of_a_detector_come_the_strongest_first_with_words(night):
    product = queries.pick(queries.products(night), "L2", "showers", 1)
    sizes = queries.read_table(night, product)["size"].sort_values(ascending=False)

    found = event_marks.events_of(night, queries.products(night), "ph1024", 1)

    assert list(found.index) == list(sizes.index)
    assert next(iter(found["text"])) == f"shower of size {sizes.iloc[0]:,.0f}"
    assert len(event_marks.marked(found, [(0, 0)], found["time"].min(), found["time"].max())) == len(found)


def test_pulses_say_how_strong_they_are_and_where(night, monkeypatch):
    table = pd.DataFrame({"time": [BEGIN] * 2, "nsigma": [5.25, 9.0], "x": [3, 4], "y": [5, 6]})
    monkeypatch.setattr(queries, "pick", lambda *_args: SimpleNamespace(rows=2))
    monkeypatch.setattr(queries, "read_table", lambda *_args: table)

    found = event_marks.events_of(night, table, "img16", 1)

    assert list(found["text"]) == ["pulse of 9.0 sigma, x 4, y 6", "pulse of 5.2 sigma, x 3, y 5"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (event_marks.MOST_SHOWN, ""),
        (event_marks.MOST_SHOWN + 1, "200 strongest"),
        (500_001, "None of the 500,001 pulses"),
    ],
)
def test_what_is_not_marked_is_said(monkeypatch, rows, says):
    monkeypatch.setattr(queries, "pick", lambda *_args: SimpleNamespace(rows=rows))

    said = event_marks.not_all(pd.DataFrame(), "img16", 1)

    assert says in said
    assert bool(said) == bool(says)


def test_a_detector_without_events_has_no_marks(night):
    found = queries.products(night)
    none = event_marks.events_of(night, found[found["level"] != "L2"], "img16", 1)

    assert len(event_marks.marked(none, [(0, 0)], BEGIN, BEGIN + SECOND)) == 0


def test_marks_are_drawn_at_the_foot_with_their_words():
    times = BEGIN + np.arange(50) * SECOND
    cube = {name: (("time", "y", "x"), np.ones((50, 4, 5))) for name in ("mean", "min", "max")}
    cells = xr.Dataset(cube, {"time": times})

    plot = light_curves(cells, [(1, 2)], units="count", x_range=Range1d(0, 1), events=pulses([(1, 2)]))

    texts = [list(r.data_source.data["text"]) for r in plot.renderers if "text" in r.data_source.data]
    assert texts == [["pulse 0"]]
    assert plot.extra_y_ranges
