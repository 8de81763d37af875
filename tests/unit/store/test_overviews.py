from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from demo_products import BEGIN, FRAMES, FRAMES_REF, ROWS, make_frames

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.store.overview_read import read_overview
from hven.store.overviews import check, reduce_rows
from hven.store.staging import unlock


@pytest.fixture
def folder(publish, tmp_path: Path) -> Path:
    return tmp_path / publish(FRAMES_REF, FRAMES, make_frames()).path


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f8", "i8"])
@pytest.mark.parametrize("rows", [1, 255, 256, 1000])
def test_cells_are_min_max_and_mean_of_their_rows(dtype: str, rows: int):
    values = np.random.default_rng(2).normal(50, 20, (rows, 3)).astype(dtype)
    cells = reduce_rows(values)

    for number in range(-(-rows // 256)):
        cell = values[number * 256 : (number + 1) * 256]
        np.testing.assert_array_equal(cells["min"][number], cell.min(axis=0))
        np.testing.assert_array_equal(cells["max"][number], cell.max(axis=0))
        np.testing.assert_allclose(cells["mean"][number], cell.mean(axis=0, dtype=float), rtol=1e-6)


def test_not_a_number_is_left_out():
    values = np.full((512, 1), np.nan, "f4")
    values[3], values[5] = 2, 4
    cells = reduce_rows(values)

    assert (cells["min"][0, 0], cells["max"][0, 0], cells["mean"][0, 0]) == (2, 4, 3)
    assert all(np.isnan(cells[k][1, 0]) for k in ("min", "max", "mean"))


@pytest.mark.parametrize("variable", ["rate", "images"])
@pytest.mark.parametrize("points", [10, 100, 1000])
def test_a_plot_gets_as_many_points_as_it_wants_and_no_extreme_is_lost(folder: Path, variable: str, points: int):
    found = read_overview(folder, variable, max_points=points)
    values = make_frames()[variable].values

    assert points / 17 <= found.sizes["time"] <= points
    assert found["min"].min() == np.nanmin(values)
    assert found["max"].max() == np.nanmax(values)
    step = found.attrs["rows_per_point"]
    expected = [np.nanmean(values[i : i + step], axis=0, dtype=float) for i in range(0, ROWS, step)]
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-5)


def test_zooming_in_reaches_the_rows_themselves(folder: Path):
    begin, end = BEGIN + 40_000 * 1_000_003, BEGIN + 40_050 * 1_000_003
    found = read_overview(folder, "images", max_points=200, begin_ns=begin, end_ns=end)

    assert found.attrs["rows_per_point"] == 1
    np.testing.assert_array_equal(found["mean"], make_frames()["images"][40_000:40_050])


def test_a_time_range_holds_all_its_rows(folder: Path):
    begin, end = BEGIN + 10_000 * 1_000_003, BEGIN + 60_000 * 1_000_003
    found = read_overview(folder, "rate", max_points=50, begin_ns=begin, end_ns=end)

    assert found["time"].values[0].view("i8") <= begin
    assert found["time_end"].values[-1].view("i8") >= end - 1_000_003
    assert found.sizes["time"] <= 50


def test_a_range_without_rows_has_no_points(folder: Path):
    assert read_overview(folder, "rate", begin_ns=0, end_ns=1).sizes["time"] == 0


def test_cells_of_zeros_that_zarr_left_out_are_zeros(folder: Path):
    """zarr writes no chunk that holds the fill value alone; older products' overviews are so."""
    lowest = folder / "overviews.zarr/images/256/min"
    unlock(folder)
    shutil.rmtree(lowest / "c")
    found = read_overview(folder, "images", max_points=200)
    assert found.attrs["rows_per_point"] >= 256
    assert not found["min"].any()


def test_a_short_product_needs_no_levels(publish, tmp_path: Path):
    short = tmp_path / publish(FRAMES_REF, FRAMES, make_frames(100)).path

    np.testing.assert_array_equal(read_overview(short, "images")["max"], make_frames(100)["images"])


def test_a_variable_without_overview_is_an_error(folder: Path):
    with pytest.raises(UnknownNameError, match="rate"):
        read_overview(folder, "packet")


def test_a_type_that_cannot_have_overviews_is_refused():
    timeless = DatasetType("a.b", Level.L1, "array", (), (), "", overviews=("x",))

    with pytest.raises(ConfigurationError, match="time"):
        check(timeless, 65536)
    with pytest.raises(ConfigurationError, match="too short"):
        check(FRAMES, 4)
