"""What the page of an observation says where something is missing."""

from __future__ import annotations

import html
import re
import shlex

import panel as pn
import pytest
from bokeh.document import Document

from hven.views import frame, queries, warm
from hven.views.url import Url


def text_of(observatory, **values):
    """All HTML of the page."""
    page = frame.page("observation", warm.PAGES["observation"], observatory, Url(**values))
    page.get_root(Document())
    return " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))


@pytest.fixture
def shown(night, monkeypatch):
    """Let pages see products as a function has changed their table."""
    found = queries.products(night)
    return lambda change: monkeypatch.setattr(queries, "products", lambda _observatory: change(found))


def test_an_observation_without_recorded_housekeeping_offers_nothing_that_would_make_it(night, shown):
    shown(lambda found: found[found["what"] != "housekeeping"])
    text = text_of(night, tab="Housekeeping", dataset="1.img16")
    assert "None was recorded" in text
    assert "panoseti/calibrate" not in text


def test_recorded_housekeeping_is_to_be_calibrated(night, shown):
    shown(lambda found: found.assign(level=found["level"].mask(found["what"] == "housekeeping", "L0")))
    text = text_of(night, tab="Housekeeping", dataset="1.img16")
    assert "No housekeeping yet" in text
    assert "hven submit panoseti/calibrate" in text


def test_events_whose_frames_are_not_calibrated_ask_for_the_calibration(night, shown):
    shown(lambda found: found[~((found["level"] == "L1") & (found["what"] == "ph1024"))])
    text = text_of(night, tab="Events", dataset="1.ph1024")
    assert "No calibrated frames yet" in text
    assert "hven submit panoseti/calibrate" in text
    assert "No showers yet" not in text


def test_the_command_that_says_why_an_observation_has_no_frames_can_be_run(night):
    text = html.unescape(text_of(night, observation="nowhere.20251022T050000Z"))
    _, _, name, *options = shlex.split(re.search(r"hven explain [^<]+", text)[0])
    asked = dict(zip(options[::2], options[1::2], strict=True))
    told = night.explain(name, asked.pop("--level", None), observation=asked.pop("--observation"))
    assert not asked
    assert told.asked.startswith("L0/panoseti.ph1024")
