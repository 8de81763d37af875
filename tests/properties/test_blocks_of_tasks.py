"""Any block length gives the same products: blocks are cut as the executor cuts them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hven.model.content_digest import digest_dataset
from hven.model.data_id import DataId
from hven.tasks.frames import measure_pedestals, subtract_pedestal
from hven.tasks.pulses import find_pulses
from hven.testing.tasks import run_task

ROWS = 4500
IDS = dict.fromkeys(("frames", "pedestals"), DataId(instrument="panoseti", detector=254))
START = 1_700_000_041_234_567_890


@pytest.fixture(scope="module")
def raw():
    draw = np.random.default_rng(1)
    images = draw.poisson(40, (ROWS, 8, 8)).astype("uint16")
    valid = draw.random((ROWS, 4)) > 0.002
    for row, quadrant in zip(*np.nonzero(~valid), strict=True):
        y, x = ((0, 0), (0, 4), (4, 4), (4, 0))[quadrant]
        images[row, y : y + 4, x : x + 4] = 0
    images[3000:3004, 2, 6] += 60
    order = np.arange(ROWS)
    order[[70, 71, 2000, 2001]] = 71, 70, 2001, 2000
    times = (START + np.arange(ROWS) * 50_000_000)[order]
    return xr.Dataset(
        {
            "images": (("time", "y", "x"), images),
            "quabo_valid": (("time", "quabo"), valid),
            "pkt_num": (("time", "quabo"), np.where(valid, np.arange(ROWS)[:, None] * 17 % 65_536, 0).astype("uint32")),
            "pkt_nsec": (("time", "quabo"), np.where(valid, times[:, None] % 10**9, 0).astype("uint32")),
            "seqno": ("time", np.zeros(ROWS, "uint16")),
            "frame_in_file": ("time", np.arange(ROWS, dtype="uint32")),
        },
        {"time": times.astype("datetime64[ns]")},
        {"integration_time_s": 0.05, "clock_status": "wr-locked"},
    )


@pytest.fixture(scope="module")
def whole(raw):
    pedestals = run_task(measure_pedestals.TASK, {"frames": raw}, IDS, measure_pedestals.PedestalConfig())["pedestals"]
    given_ = {"frames": raw, "pedestals": pedestals}
    return {
        "pedestals": pedestals,
        "signal": run_task(subtract_pedestal.TASK, given_, IDS, subtract_pedestal.SignalConfig())["signal"],
        "pulses": run_task(find_pulses.TASK, {"frames": raw}, IDS, find_pulses.PulseConfig())["pulses"],
    }


lengths = st.integers(min_value=200, max_value=2 * ROWS)


@settings(max_examples=8)
@given(length=lengths)
def test_pedestals(raw, whole, length):
    config = measure_pedestals.PedestalConfig()
    found = run_task(measure_pedestals.TASK, {"frames": raw}, IDS, config, length=length)["pedestals"]
    assert digest_dataset(found) == digest_dataset(whole["pedestals"])


@settings(max_examples=8)
@given(length=lengths)
def test_signal(raw, whole, length):
    slots = {"frames": raw, "pedestals": whole["pedestals"]}
    found = run_task(
        subtract_pedestal.TASK, slots, IDS, subtract_pedestal.SignalConfig(max_rate_hz=19.0), length=length
    )
    flags = run_task(subtract_pedestal.TASK, slots, IDS, subtract_pedestal.SignalConfig(max_rate_hz=19.0))
    assert digest_dataset(found["signal"]) == digest_dataset(flags["signal"])


@settings(max_examples=8)
@given(length=lengths)
def test_pulses(raw, whole, length):
    assert whole["pulses"].sizes["event"] > 20
    found = run_task(find_pulses.TASK, {"frames": raw}, IDS, find_pulses.PulseConfig(), length=length)["pulses"]
    assert digest_dataset(found) == digest_dataset(whole["pulses"])
