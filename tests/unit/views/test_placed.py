"""Frames of one quadrant each are shown where the quadrant is in the camera, and never mixed with others."""

from __future__ import annotations

import re
from contextlib import closing

import numpy as np
import panel as pn
import pytest
import small_night
from bokeh.document import Document

from hven.model.data_id import DataId
from hven.tasks.frames.quadrants import quadrant_map
from hven.views import frame, placed, queries, warm
from hven.views.take import Take
from hven.views.url import Url

ROWS = 400
LEVELS = np.array([0, 100, 200, 300])
"""Of the pixels of each quadrant."""


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Observatory with packets of single quabos: all four at first, later without quabo 2."""
    observatory = small_night.make(tmp_path_factory.mktemp("single"), observations=())
    quabo = np.random.default_rng(1).integers(0, 4, ROWS).astype("uint8")
    quabo[ROWS // 2 :][quabo[ROWS // 2 :] == 2] = 1
    dataset = small_night.blank("L0/panoseti.ph256", time=ROWS, y=16, x=16)
    images = LEVELS[quabo][:, None, None] + np.arange(16)[:, None] + np.zeros((1, 1, 16))
    dataset = dataset.assign(
        images=(("time", "y", "x"), images.astype("int16"), dataset["images"].attrs),
        time=small_night._times(small_night.BEGIN, ROWS, 10**9), quabo=("time", quabo),
    )  # fmt: skip
    data_id = DataId(instrument="panoseti", day_obs=small_night.NIGHT, observation="crab.1", detector=1)
    product = small_night.publish(observatory.root, "L0/panoseti.ph256", data_id, dataset, [])
    observatory.registry.register([product], inputs={product.id: []})
    with closing(observatory):
        yield observatory


@pytest.fixture
def product(single):
    return queries.pick(queries.products(single), "L0", "ph256", 1)


def truth():
    """What every pixel of the camera holds."""
    quadrant = quadrant_map(32)
    return LEVELS[quadrant] + np.indices((32, 32))[0] % 16


def test_every_pixel_is_that_of_its_quadrant(single, product):
    seen = queries.look(single, product, "images")
    for statistic in placed.STATISTICS:
        np.testing.assert_allclose(placed.overall(seen, statistic), truth())
    assert int(seen["count"].sum() / 16**2) == ROWS
    assert seen.attrs["rows_read"] == seen.attrs["rows"] == ROWS


def test_a_quadrant_that_is_silent_is_left_empty(single, product):
    late = queries.look(single, product, "images", small_night.BEGIN + ROWS // 2 * 10**9)
    np.testing.assert_array_equal(np.isnan(placed.overall(late, "max")), quadrant_map(32) == 2)
    assert queries.look(single, product, "images", 0, 1).sizes["time"] == 0


def test_of_very_many_frames_stretches_are_read(single, product, monkeypatch):
    monkeypatch.setattr(placed, "STRETCH", 32)
    monkeypatch.setattr(placed, "MOST", 96)
    seen = placed.look(single, product)
    assert seen.attrs["rows"] == ROWS
    assert seen.attrs["rows_read"] <= 96
    assert seen["time"].values[0] == np.datetime64(small_night.BEGIN, "ns")
    assert seen["time_end"].values[-1] == np.datetime64(small_night.BEGIN + (ROWS - 1) * 10**9, "ns")


def test_a_single_raw_frame_is_placed(single, product):
    shown = queries.frame(single, product, "images", 3)
    quabo = int(queries.read(single, product)["quabo"][3])
    np.testing.assert_array_equal(np.isfinite(shown), quadrant_map(32) == quabo)
    np.testing.assert_array_equal(shown.values[quadrant_map(32) == quabo], truth()[quadrant_map(32) == quabo])


def page_of(observatory, **values):
    page = frame.page("observation", warm.PAGES["observation"], observatory, Url(**values))
    page.get_root(Document())
    return page


def test_the_page_shows_the_whole_camera(single):
    page = page_of(single)
    figures = [pane.object for pane in page.select(pn.pane.Bokeh)]
    [shown] = [f for f in figures if f.title and f.title.text == "mean of frames, whole observation"]
    np.testing.assert_allclose(shown.select_one({"name": "pixels"}).data["value"], truth().ravel())
    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    assert "Every point stands for 16 frames" in text


def test_the_page_says_when_it_has_not_looked_at_all_frames(single, monkeypatch):
    monkeypatch.setattr(placed, "STRETCH", 32)
    monkeypatch.setattr(placed, "MOST", 96)
    queries.look.cache_clear()
    text = " ".join(str(pane.object) for pane in page_of(single).select(pn.pane.HTML))
    queries.look.cache_clear()
    assert re.search(r"\d\d of 400 frames, evenly spread, are looked at", text)


def test_the_lines_below_its_plots_run_as_they_stand(single, monkeypatch):
    import hven

    monkeypatch.setattr(hven, "connect", lambda: single)
    lines = [take.line for take in page_of(single, tab="Player").select(Take)]
    assert [line for line in lines if "placed.overall" in line]
    assert [line for line in lines if "placed.place" in line]
    for line in lines:
        exec(re.sub(r"[.]plot.*", "", line), {})  # noqa: S102 - as somebody would in a notebook
