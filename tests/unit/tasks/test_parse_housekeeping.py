"""Housekeeping as numbers."""

import json

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import DataError
from hven.model.data_id import DataId
from hven.tasks.frames.parse_housekeeping import TASK, HousekeepingConfig
from hven.testing.tasks import run_task


def parsed(*records):
    dataset = xr.Dataset(
        {
            "device": ("time", np.array([d for d, _ in records], object)),
            "fields": ("time", np.array([f if isinstance(f, str) else json.dumps(f) for _, f in records], object)),
        },
        {"time": np.arange(len(records)).astype("datetime64[s]").astype("datetime64[ns]")},
    )
    return run_task(TASK, {"records": dataset}, {"records": DataId(instrument="panoseti")}, HousekeepingConfig())[
        "numbers"
    ]


def test_boards_become_numbers_and_other_devices_are_left_out():
    found = parsed(
        ("GPSPRIM", {"TOW": "5"}),
        ("QUABO_1019", {"HVMON0": "-55.67592", "HVIMON2": "0.00011", "TEMP1": "40.25", "TEMP2": "64.1"}),
    )
    assert found.sizes["time"] == 1
    assert (int(found["detector"][0]), int(found["quabo"][0])) == (254, 3)
    assert float(found["hv_0"][0]) == pytest.approx(-55.67592)
    assert float(found["hv_current_2"][0]) == pytest.approx(1.1e-4)
    assert float(found["fpga_temperature"][0]) == pytest.approx(64.1)
    assert np.isnan(found["hv_1"].values[0])


def test_a_broken_temperature_sensor_is_nan():
    assert np.isnan(parsed(("QUABO_4", {"TEMP1": "511.75", "TEMP2": "20"}))["detector_temperature"].values[0])


def test_no_records_give_an_empty_table():
    assert parsed(("WPS", {})).sizes["time"] == 0


@pytest.mark.parametrize("fields", ["[1]", "{", '{"TEMP1": "warm"}'])
def test_text_that_is_no_number_is_an_error_naming_the_row(fields):
    with pytest.raises(DataError, match="housekeeping row 1"):
        parsed(("WPS", {}), ("QUABO_4", fields))
