from __future__ import annotations

import pytest
import small_night
import xarray as xr

from hven.widgets import Browser


@pytest.fixture(scope="module")
def obs(tmp_path_factory):
    with small_night.make(tmp_path_factory.mktemp("night")) as obs:
        yield obs


@pytest.fixture
def browser(obs):
    return Browser(obs)


def test_types_that_exist_are_offered(browser, obs):
    assert list(browser.type.options) == sorted({str(p.ref.type) for p in obs.query()})


def test_products_of_the_chosen_type_are_listed(browser):
    browser.type.value = "L1/panoseti.ph1024"
    assert browser.table.value.count("<tr") == 3
    assert "2025-10-22 04:00:00" in browser.table.value

    browser.query.choose(detector=254)
    assert browser.table.value.count("<tr") == 2
    assert [name for name, _ in browser.results.choice.options] == [
        "L1/panoseti.ph1024 · day_obs 20251021 · crab.20251022T040000Z · detector 254"
    ]


def test_chosen_product_is_opened_with_the_line_that_does_so(browser, obs):
    browser.type.value = "L1/panoseti.ph1024"
    browser.query.choose(detector=254)
    assert browser.dataset is None

    browser.results.open.click()

    xr.testing.assert_identical(browser.dataset, obs.open("panoseti.ph1024", "L1", detector=254))
    assert "detector=254" in browser.results.line.value


def test_choice_survives_a_change_of_type_where_it_still_exists(browser):
    browser.type.value = "L1/panoseti.ph1024"
    browser.query.choose(detector=254)
    browser.type.value = "L0/panoseti.img16"
    assert browser.query.values == {"detector": 254}

    browser.type.value = "L1/panoseti.housekeeping"
    assert browser.query.values == {}


def test_wrong_condition_is_explained(browser):
    browser.query.choose(where="detektor == 1")

    assert "Did you mean &#x27;detector&#x27;" in browser.table.value
    assert browser.results.box.layout.display == "none"


def test_condition_that_nothing_fits_says_so(browser):
    browser.query.choose(where="detector == 7")

    assert browser.table.value == "Nothing fits this choice."


def test_observatory_without_products_says_how_to_get_some(tmp_path):
    with small_night.make(tmp_path / "none", observations=()) as obs:
        assert "hven ingest" in Browser(obs).table.value
