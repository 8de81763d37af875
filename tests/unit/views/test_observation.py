"""What the page of an observation says where something is missing."""

from __future__ import annotations

import html
import re
import shlex

import numpy as np
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


def page_of(observatory, url):
    page = frame.page("observation", warm.PAGES["observation"], observatory, url)
    page.get_root(Document())
    return page


def picture_of(page):
    """Map of the camera that a page shows, dims (y, x)."""
    [shown] = [f for p in page.select(pn.pane.Bokeh) if "mean of" in str((f := p.object).title.text)]
    return shown.select_one({"name": "pixels"}).data["value"].reshape(32, 32)


def mean_of(observatory, level, variable):
    product = queries.pick(queries.products(observatory), level, "img16", 254)
    return queries.read(observatory, product)[variable].mean("time").to_numpy()


@pytest.mark.parametrize(("level", "variable"), [("L0", "images"), ("L1", "signal")])
def test_the_frames_of_the_level_in_the_address_are_shown(night, level, variable):
    shown = picture_of(page_of(night, Url(dataset="254.img16", level=level)))
    np.testing.assert_allclose(shown, mean_of(night, level, variable), rtol=1e-5)


def test_another_level_shows_its_frames_and_stands_in_the_address(night):
    url = Url(dataset="254.img16")
    page = page_of(night, url)
    [level] = [w for w in page.select(pn.ui.Select) if w.label == "Level"]
    assert level.options == {"L0 · as recorded": "L0", "L1 · calibrated": "L1"}
    assert level.value == "L1"
    level.value = level.options["L0 · as recorded"]
    assert url.get("level") == "L0"
    np.testing.assert_allclose(picture_of(page), mean_of(night, "L0", "images"), rtol=1e-5)


def test_calibrated_frames_of_before_without_an_overview_are_not_offered(night, monkeypatch):
    monkeypatch.setattr(queries, "has_overview", lambda _observatory, _product, variable: variable == "images")
    [level] = [w for w in page_of(night, Url(dataset="254.img16")).select(pn.ui.Select) if w.label == "Level"]
    assert list(level.options.values()) == ["L0"]


def test_a_dataset_of_one_level_does_not_change_the_level_of_the_next(night, shown):
    shown(lambda found: found[~((found["level"] == "L1") & (found["what"] == "img16") & (found["detector"] == 1))])
    page = page_of(night, Url(dataset="254.img16"))
    dataset, level = (w for w in page.select(pn.ui.Select) if w.label in {"Level", "Detector · product"})
    seen = []
    for name in ("254.img16", "1.img16", "254.img16"):
        dataset.value = name
        seen.append(level.value)
    assert seen == ["L1", "L0", "L1"]


def test_only_what_has_an_overview_can_be_looked_at(night):
    product = queries.pick(queries.products(night), "L1", "img16", 254)
    assert queries.has_overview(night, product, "signal")
    assert not queries.has_overview(night, product, "noise")


def test_what_is_not_calibrated_is_shown_as_recorded(night, shown):
    shown(lambda found: found[~((found["level"] == "L1") & (found["what"] == "img16"))])
    page = page_of(night, Url(dataset="254.img16", level="L1"))
    [level] = [w for w in page.select(pn.ui.Select) if w.label == "Level"]
    assert list(level.options.values()) == ["L0"]
    np.testing.assert_allclose(picture_of(page), mean_of(night, "L0", "images"), rtol=1e-5)
