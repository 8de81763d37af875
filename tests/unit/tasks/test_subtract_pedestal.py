"""Calibrated signal and quality bits."""

import numpy as np
import pytest
import xarray as xr

from hven.core.errors import DataError, SchemaError
from hven.model.frames import QUALITY_FLAGS
from hven.tasks.frames import measure_pedestals, quality
from hven.tasks.frames.subtract_pedestal import TASK, SignalConfig
from hven.testing.tasks import run_task


@pytest.fixture
def calibrated(data_id):
    def calibrate(dataset, *, cell_s=60, length=None, slots=None, **config):
        ids = dict.fromkeys(("frames", "pedestals", "housekeeping", "gain", "dark"), data_id)
        pedestals = run_task(
            measure_pedestals.TASK, {"frames": dataset}, ids, measure_pedestals.PedestalConfig(cell_s=cell_s)
        )["pedestals"]
        given = {"frames": dataset, "pedestals": pedestals, **(slots or {})}
        return run_task(TASK, given, ids, SignalConfig(**config), length=length)["signal"]

    return calibrate


@pytest.fixture
def sky():
    return np.random.default_rng(1).poisson(30, (600, 32, 32)).astype("uint16")


def flagged(signal, name):
    return np.flatnonzero(signal["quality"].values & QUALITY_FLAGS[name]).tolist()


def test_signal_is_value_minus_pedestal(raw_frames, calibrated, sky):
    signal = calibrated(raw_frames(sky))
    np.testing.assert_array_equal(
        signal["signal"].values, sky.astype("float32") - signal["pedestal"].values[0].astype("float32")
    )
    assert signal["signal"].dtype == np.float32
    assert signal.attrs["gain_origin"].startswith("assumed")
    assert (signal["quality"].values == 0).all()


def test_gain_divides_the_signal(raw_frames, calibrated, sky):
    gain = xr.Dataset({"gain": (("y", "x"), np.full((32, 32), 2.0, "float32"))})
    plain, halved = calibrated(raw_frames(sky)), calibrated(raw_frames(sky), slots={"gain": gain})
    np.testing.assert_allclose(halved["signal"].values * 2, plain["signal"].values)
    assert halved.attrs["gain_origin"] == "calibration"


def test_a_gain_map_of_another_shape_is_refused(raw_frames, calibrated, sky):
    gain = xr.Dataset({"gain": (("y", "x"), np.ones((16, 16), "float32"))})
    with pytest.raises(SchemaError, match="gain map"):
        calibrated(raw_frames(sky), slots={"gain": gain})


def test_a_missing_quabo_is_nan_and_flagged(raw_frames, calibrated, sky):
    valid = np.ones((600, 4), bool)
    valid[7, 3] = False
    sky[7, 16:, :16] = 0
    signal = calibrated(raw_frames(sky, valid=valid))
    assert np.isnan(signal["signal"].values[7, 16:, :16]).all()
    assert np.isfinite(signal["signal"].values[7, :16]).all()
    assert np.isnan(signal["signal"].values).sum() == 256
    assert flagged(signal, "quabo_missing") == [7]
    assert abs(signal["frame_mean"].values[7]) < 1


def test_lost_packets_are_counted_across_the_wrap(raw_frames, calibrated, sky):
    dataset = raw_frames(sky)
    kept = dataset.isel(time=np.r_[0:530, 534:600])
    lost = calibrated(kept)["lost_packets"].values
    assert lost[530].tolist() == [4, 4, 4, 4]
    assert lost.sum() == 16


def test_packets_that_repeat_or_come_late_are_not_lost():
    number = np.array([[5], [5], [4], [6]])
    assert quality.lost_packets(number, np.ones((4, 1), bool)).ravel().tolist() == [0, 0, 0, 1]


def test_order_repetition_and_gaps_are_flagged(raw_frames, calibrated, sky):
    dataset = raw_frames(sky)
    rows = np.arange(600)
    rows[[10, 11]] = 11, 10
    rows = np.insert(rows, 100, rows[99])
    rows = np.delete(rows, np.arange(301, 311))
    signal = calibrated(dataset.isel(time=rows).assign(frame_in_file=("time", np.arange(len(rows)))))
    assert flagged(signal, "reordered") == [11]
    assert flagged(signal, "duplicate") == [100]
    assert flagged(signal, "gap_before") == [301]


def test_without_an_integration_time_gaps_are_not_judged_and_that_is_said(raw_frames, calibrated, sky):
    dataset = raw_frames(sky).isel(time=np.r_[0:100, 200:600])
    del dataset.attrs["integration_time_s"]
    signal = calibrated(dataset)
    assert flagged(signal, "gap_before") == []
    assert signal.attrs["gap_before_judged"] == 0


def test_bad_clocks_are_flagged(raw_frames, calibrated, sky):
    dataset = raw_frames(sky)
    dataset["host_lag"][5] = 453_000_000
    assert flagged(calibrated(dataset), "clock_bad") == [5]
    assert len(flagged(calibrated(dataset.assign_attrs(clock_status="unsynchronised")), "clock_bad")) == 600


def test_saturation_is_flagged(raw_frames, calibrated, sky):
    sky[8, 3, 3] = 65_535
    assert flagged(calibrated(raw_frames(sky)), "saturated") == [8]


def test_a_burst_of_events_is_a_rate_spike(raw_frames, calibrated):
    start = 1_699_999_800
    seconds = np.sort(np.r_[np.arange(0, 300, 4), 90 + np.arange(100) * 0.1])
    times = ((start + seconds) * 1e9).astype("int64")
    images = np.random.default_rng(2).normal(0, 5, (len(times), 32, 32)).round().astype("int16")
    signal = calibrated(raw_frames(images, times=times), cell_s=300, max_rate_hz=2.0, gap_factor=0)
    hit = flagged(signal, "rate_spike")
    assert set(hit) == set(np.flatnonzero((seconds >= 90) & (seconds < 120)))


def test_high_voltage_off_is_flagged_from_the_last_reading_before(raw_frames, calibrated, sky):
    dataset = raw_frames(sky)
    times = dataset["time"].values[[100, 200]] - np.timedelta64(1, "us")
    volts = {f"hv_{n}": ("time", np.array([-55.0, -55.0] if n else [-2.0, -55.0], "float32")) for n in range(4)}
    records = xr.Dataset(
        {"detector": ("time", np.array([254, 254])), "quabo": ("time", np.array([1, 1])), **volts}, {"time": times}
    )
    assert flagged(calibrated(dataset, slots={"housekeeping": records}), "hv_bad") == list(range(100, 200))
    other = records.assign(detector=("time", np.array([3, 3])))
    assert flagged(calibrated(dataset, slots={"housekeeping": other}), "hv_bad") == []


def test_a_cell_with_few_frames_uses_the_whole_observation(raw_frames, calibrated):
    start = 1_699_999_980_000_000_000
    times = start + np.r_[np.arange(200) * 250_000_000, 61_000_000_000]
    images = np.random.default_rng(3).poisson(50, (201, 32, 32)).astype("uint16")
    signal = calibrated(raw_frames(images, times=times))
    assert signal["pooled"].values[0].sum() == 0
    assert signal["pooled"].values[1].all()
    np.testing.assert_allclose(signal["pedestal"].values[1], 50, atol=5 * 50**0.5 / 200**0.5)


def test_a_dark_map_stands_in_only_where_the_whole_observation_has_too_few_frames(raw_frames, calibrated, sky):
    valid = np.ones((600, 4), bool)
    valid[10:, 3] = False
    maps = {name: (("y", "x"), np.full((32, 32), value, "float32")) for name, value in (("pedestal", 7), ("noise", 2))}
    signal = calibrated(raw_frames(sky, valid=valid), slots={"dark": xr.Dataset(maps)})

    assert (signal["pedestal"].values[0, 16:, :16] == 7).all()
    assert (signal["noise"].values[0, 16:, :16] == 2).all()
    np.testing.assert_allclose(signal["pedestal"].values[0, :16], 30, atol=2)


def test_frames_outside_the_pedestals_are_an_error_naming_the_frame(raw_frames, data_id, sky):
    dataset = raw_frames(sky)
    ids = {"frames": data_id, "pedestals": data_id}
    made = run_task(measure_pedestals.TASK, {"frames": dataset}, ids, measure_pedestals.PedestalConfig())
    later = dataset.assign_coords(time=dataset["time"] + np.timedelta64(3600, "s"))
    with pytest.raises(DataError, match="frame 0 of the block"):
        run_task(TASK, {"frames": later, **made}, ids, SignalConfig())


def test_spread_is_measured_across_the_turn_of_the_second():
    stamps = np.array([[999_999_995, 5, 2, 0], [7, 0, 0, 0]])
    valid = np.array([[True, True, True, False], [True, False, False, False]])
    np.testing.assert_array_equal(quality.spread(stamps, valid), [10.0, np.nan])


def test_frames_of_one_quabo_become_whole_modules(data_id, calibrated):
    rows = 80
    quabo = (np.arange(rows) % 4).astype("uint8")
    images = np.random.default_rng(7).normal(10, 5, (rows, 16, 16)).round().astype("int16")
    times = (1_700_000_000_000_000_000 + np.arange(rows) * 100_000_000).astype("datetime64[ns]")
    dataset = xr.Dataset(
        {
            "images": (("time", "y", "x"), images),
            "quabo": ("time", quabo),
            "pkt_num": ("time", np.arange(rows, dtype="uint32")),
        },
        {"time": times},
    )
    signal = calibrated(dataset, cell_s=300)
    assert signal["signal"].shape == (rows, 32, 32)
    assert np.isfinite(signal["signal"].values[2, 16:, 16:]).all()
    assert np.isnan(signal["signal"].values[2]).sum() == 3 * 256
    assert flagged(signal, "quabo_missing") == []
