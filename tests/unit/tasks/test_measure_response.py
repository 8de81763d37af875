"""Relative response of each pixel, from evenly lit frames."""

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import DataError
from hven.model.data_id import DataId
from hven.model.task import Inputs
from hven.tasks.frames.measure_response import TASK, ResponseConfig

SHAPE = (9, 32, 32)
TRUTH = np.random.default_rng(5).normal(1.0, 0.1, SHAPE[1:]).clip(0.6, 1.4)
DARK = np.random.default_rng(6).normal(15.0, 8.0, SHAPE[1:])
ERROR = 0.2


def lit(level, random, *, dark=0.0):
    """Cells of which each has its own light."""
    light = dark + np.asarray(level)[:, None, None] * TRUTH + random.normal(0, ERROR, SHAPE)
    edges = np.datetime64("2025-10-22T04:00", "ns") + np.arange(10) * np.timedelta64(60, "s")
    maps = {"pedestal": light, "noise": np.full(SHAPE, 6.0), "pedestal_error": np.full(SHAPE, ERROR)}
    return xr.Dataset(
        {name: (("cell", "y", "x"), values) for name, values in maps.items()},
        {"begin": ("cell", edges[:-1]), "end": ("cell", edges[1:])},
    )


def respond(cells, **more):
    found = {"lit": (cells,), **more}
    return TASK.run(Inputs(found, dict.fromkeys(found, DataId(detector=1))), ResponseConfig())["response"]


def test_the_dark_map_is_taken_away_and_clouds_do_not_matter():
    cells = lit([80, 60, 80, 30, 80, 70, 75, 0, 80], np.random.default_rng(1), dark=DARK)
    dark = xr.Dataset({"pedestal": (("y", "x"), DARK)})

    found = respond(cells, dark=dark)

    pull = (found["gain"] - TRUTH / np.median(TRUTH)) / found["gain_error"]
    assert float(pull.std()) == pytest.approx(1.0, abs=0.25)
    assert found.sizes["cell"] == 8  # not the one without light
    assert found.attrs["dark_origin"] == "calibration"
    assert abs(respond(cells)["gain"].values - TRUTH).max() > 0.2


def test_a_star_that_passes_is_not_followed():
    cells = lit([80] * 9, np.random.default_rng(2))
    cells["pedestal"][3, 10, 10] += 500

    assert respond(cells)["gain"].values[10, 10] == pytest.approx(TRUTH[10, 10] / np.median(TRUTH), abs=0.01)


def test_frames_without_light_are_an_error():
    with pytest.raises(DataError, match="no cell has light"):
        respond(lit([0] * 9, np.random.default_rng(3)))
