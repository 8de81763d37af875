"""The page of what is being taken shows what live processing has left, and what it says of itself."""

from __future__ import annotations

import drop_series
import numpy as np
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import Image

import hven
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.prompt.queries import status
from hven.prompt.source import Replay
from hven.prompt.start import live
from hven.views import frame, warm
from hven.views.pages.live import judge
from hven.views.url import Url


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """Observatory in which a series was taken in calibration mode."""
    settings = drop_series.site(tmp_path_factory.mktemp("taken"))
    files = [[(path, content)] for path, content in drop_series.series().items()]
    with live(settings, "magis/feedback", durable=False) as processing:
        processing.run(Replay(iter(files), 1000.0))
    with hven.connect(settings) as obs:
        yield obs


def test_pictures_courses_and_corrections_of_every_camera_are_drawn(taken):
    page = frame.page("live", warm.PAGES["live"], taken, Url())
    page.get_root(Document())

    plots = [pane.object for pane in page.select(pn.pane.Bokeh)]
    shown = [r.data_source.data for plot in plots for r in plot.renderers]
    pictures = [r for plot in plots for r in plot.renderers if isinstance(r.glyph, Image)]
    assert len(pictures) == 6
    assert all(np.isfinite(r.data_source.data["image"][0]).all() for r in pictures)
    assert sum(len(data["value"]) for data in shown if "value" in data) == 2 * 12 + 2 * 12
    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    assert "12 files" in text
    assert drop_series.OBSERVATION in text


@pytest.mark.parametrize(
    ("access", "seen"), [(AccessClass.OPERATORS, False), (AccessClass.COLLABORATION, True)], ids=["closed", "open"]
)
def test_who_may_not_see_the_raw_data_is_shown_nothing_of_what_is_taken(taken, access, seen):
    ada = taken.seen_by(Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION})))
    taken.registry.define(Collection(raw_run("magis"), CollectionKind.RUN, access))

    page = frame.page("live", warm.PAGES["live"], ada, Url())
    page.get_root(Document())

    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    assert ("12 files" in text, drop_series.OBSERVATION in text) == (seen, seen)
    assert ("Nothing is being taken" in text) == (not seen)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({}, "PASS"),
        ({"running": False}, "NO DATA"),
        ({"time_ns": 1}, "FAIL"),
        ({"trouble": "no space left"}, "FAIL"),
        ({"waited_s": 1.0, "memory_bytes": 9, "memory_limit": 10}, "WARN"),
        ({"failed": 1}, "WARN"),
    ],
)
def test_the_verdict_is_that_of_the_worst(taken, said, word):
    known = status(taken.root, "magis") | {"running": True}
    assert judge(known | said, known["time_ns"]).word == word
