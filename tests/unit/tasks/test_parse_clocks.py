"""State of the reference clocks as numbers."""

import json

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import DataError
from hven.model.data_id import DataId
from hven.tasks.frames.parse_clocks import TASK, ClocksConfig
from hven.testing.tasks import run_task

LOCKED = {
    "HOLDOVERDURATION": "0",
    "NotTrackingSatellites": "0",
    "NotDiscipliningOscillator": "0",
    "LeapSecondPending": "1",
    "EEPROMCorrupt": "0",
    "GPSDECODINGSTATUS": "Doing fixes",
    "PPSOFFSET": "-3.5",
    "CLOCKOFFSET": "0.02",
}


def parsed(*records):
    dataset = xr.Dataset(
        {
            "device": ("time", np.array([d for d, _ in records], object)),
            "fields": ("time", np.array([f if isinstance(f, str) else json.dumps(f) for _, f in records], object)),
        },
        {"time": np.arange(len(records)).astype("datetime64[s]").astype("datetime64[ns]")},
    )
    return run_task(TASK, {"records": dataset}, {"records": DataId(instrument="panoseti")}, ClocksConfig())["clocks"]


def test_the_switch_gives_its_lock_and_its_links_and_nothing_of_gps():
    fields = {"Port 1_LINK": "0", "Port 2_LINK": "1", "Port13_LINK": "1", "SOFTPLL": "1"}
    found = parsed(("WPS", {"POWER": "ON"}), ("WRSWITCH", fields))
    assert found["device"].values.tolist() == ["WRSWITCH"]
    assert (float(found["pll_locked"][0]), float(found["links_up"][0])) == (1.0, 2.0)
    assert np.isnan(found["gps_locked"].values[0])


def test_a_receiver_with_fixes_that_steers_its_oscillator_is_locked():
    found = parsed(("GPSSUPP", LOCKED))
    assert (float(found["gps_locked"][0]), float(found["gps_alarms"][0])) == (1.0, 0.0)
    assert float(found["gps_pps_offset"][0]) == -3.5
    assert float(found["gps_clock_offset"][0]) == pytest.approx(0.02)
    assert np.isnan(found["pll_locked"].values[0])


@pytest.mark.parametrize(
    ("change", "alarms"),
    [
        ({"GPSDECODINGSTATUS": "Don't have GPS time"}, 0),
        ({"NotTrackingSatellites": "1"}, 1),
        ({"NotDiscipliningOscillator": "1", "EEPROMCorrupt": "1"}, 2),
    ],
)
def test_a_receiver_without_fixes_or_control_of_its_oscillator_is_not_locked(change, alarms):
    found = parsed(("GPSSUPP", LOCKED | change))
    assert (float(found["gps_locked"][0]), float(found["gps_alarms"][0])) == (0.0, alarms)


def test_genuine_records_say_that_the_switch_was_locked_and_the_receiver_was_not(real_data):
    file = next((real_data / "panoseti" / "run_directories").glob("*pe-steps.pffd")) / "hk.pff"
    rows = [r for raw in file.read_text().split("\n\n")[:-1] for r in json.loads(raw).items()]
    found = parsed(*rows)
    switch, receiver = found["device"].values == "WRSWITCH", found["device"].values == "GPSSUPP"
    assert (switch.sum(), receiver.sum()) == (14, 1)
    assert (found["pll_locked"].values[switch] == 1).all()
    assert (found["links_up"].values[switch] == 2).all()
    assert (float(found["gps_locked"][receiver][0]), float(found["gps_alarms"][receiver][0])) == (0.0, 7.0)


@pytest.mark.parametrize("fields", ["[1]", "{", '{"SOFTPLL": "yes"}'])
def test_text_that_is_no_number_is_an_error_naming_the_row(fields):
    with pytest.raises(DataError, match="housekeeping row 1"):
        parsed(("WPS", {}), ("WRSWITCH", fields))
