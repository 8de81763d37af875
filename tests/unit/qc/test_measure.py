"""The task that evaluates metrics."""

import numpy as np
import pytest
import xarray as xr

from hven.model.content_digest import digest_dataset
from hven.model.data_id import DataId
from hven.qc import METRICS
from hven.qc.measure import TASK, MeasureConfig
from hven.qc.summary import summarise
from hven.testing.tasks import run_task

HOUR = 3600 * 10**9
START = 1_761_116_400_000_000_000 + HOUR // 2


@pytest.fixture
def frames():
    rows = 5400
    times = START + np.arange(rows, dtype="int64") * 10**9
    return xr.Dataset(
        {
            "quality": ("time", np.r_[np.ones(100), np.zeros(rows - 100)].astype("uint16")),
            "host_lag": ("time", np.full(rows, 2_000_000, "int64")),
            "lost_packets": (("time", "quabo"), np.r_[np.zeros((rows - 1, 4)), [[4, 0, 0, 0]]].astype("uint16")),
            "quabo_valid": (("time", "quabo"), np.ones((rows, 4), bool)),
        },
        {"time": times.astype("datetime64[ns]")},
        {"integration_time_s": 1.0},
    )


@pytest.fixture
def pedestals():
    begin = START // (60 * 10**9) * 60 * 10**9 + np.arange(91, dtype="int64") * 60 * 10**9
    maps = np.random.default_rng(1).normal(50, 1, (91, 32, 32)) + np.arange(91)[:, None, None] / 60
    values = {n: (("cell", "y", "x"), maps, {"units": "count"}) for n in ("pedestal", "noise", "maximum")}
    return xr.Dataset(
        {**values, "saturated_fraction": (("cell", "y", "x"), maps * 0)},
        {n: ("cell", (begin + d).astype("datetime64[ns]")) for n, d in (("begin", 0), ("end", 60 * 10**9))},
    )


def measured(**slots):
    ids = dict.fromkeys(slots, DataId(instrument="panoseti", detector=254))
    return run_task(TASK, slots, ids, MeasureConfig())["metrics"].to_dataframe()


def value(table, metric, grain="observation", which=0):
    return table[(table["metric"] == metric) & (table["grain"] == grain)]["value"].to_list()[which]


def test_hours_and_observation_are_measured(frames, pedestals):
    table = measured(frames=frames, pedestals=pedestals)
    assert table.loc[table["metric"] == "frames", "value"].tolist() == [5400, 1800, 3600]
    assert value(table, "partial_frames", "hour", 0) == pytest.approx(100 / 1800)
    assert value(table, "partial_frames", "hour", 1) == 0
    hours = table[(table["metric"] == "frames") & (table["grain"] == "hour")]
    assert hours["begin"].tolist()[1] == hours["end"].tolist()[0]


def test_values_are_those_of_the_data(frames, pedestals):
    table = measured(frames=frames, pedestals=pedestals)
    assert value(table, "frame_rate") == pytest.approx(1.0)
    assert value(table, "frame_rate_ratio") == pytest.approx(1.0)
    assert value(table, "live_fraction") == pytest.approx((5400 + 4) / 5400)
    assert value(table, "lost_packets") == pytest.approx(1e6 * 4 / (4 + 4 * 5400))
    assert value(table, "host_lag") == pytest.approx(2.0)
    assert value(table, "pedestal_drift") == pytest.approx(1.0, abs=0.02)
    assert value(table, "largest_gap") == 1.0


def test_units_of_images_are_those_of_the_data(frames, pedestals):
    units = measured(frames=frames, pedestals=pedestals).set_index("metric")["unit"]
    assert set(units["pedestal"]) == {"count"}
    assert set(units["pedestal_drift"]) == {"count h-1"}


def test_a_metric_applies_only_where_its_variables_are(frames, pedestals):
    names = set(measured(frames=frames, pedestals=pedestals)["metric"])
    assert not names & {"module_spread", "tai_offset", "detector_temperature"}
    assert "border_correlation" in names
    assert set(measured(frames=frames, pedestals=pedestals).query("grain == 'hour'")["metric"]) == names - {
        "border_correlation"
    }


def test_housekeeping_of_other_detectors_does_not_count(frames, pedestals):
    records = xr.Dataset(
        {"detector": ("time", np.array([254, 3])), "fpga_temperature": ("time", np.array([40.0, 90.0], "float32"))},
        {"time": frames["time"].values[:2]},
    )
    assert value(measured(frames=frames, pedestals=pedestals, housekeeping=records), "fpga_temperature") == 40


@pytest.fixture
def night():
    """Five hours of frames and events of single quabos, with an hour of no frames."""
    draw = np.random.default_rng(2)
    times = np.sort(draw.integers(START, START + 5 * HOUR, 4000))
    times = times[times // HOUR != START // HOUR + 3]
    rows = len(times)
    return xr.Dataset(
        {
            "quality": ("time", draw.integers(0, 256, rows).astype("uint16")),
            "host_lag": ("time", draw.normal(1e6, 1e5, rows).astype("int64")),
            "tai_offset": ("time", draw.integers(-1, 2, rows).astype("int16")),
            "brightness": ("time", draw.normal(60, 1, rows).astype("float32")),
            "quabo": ("time", draw.integers(0, 4, rows).astype("uint8")),
            "pkt_num": ("time", (np.arange(rows) * 3 % 65_536).astype("uint32")),
        },
        {"time": times.astype("datetime64[ns]")},
    )


def test_any_block_length_gives_equal_metrics(night, pedestals):
    ids = dict.fromkeys(("frames", "pedestals"), DataId(instrument="panoseti", detector=254))
    slots = {"frames": night, "pedestals": pedestals}
    whole = run_task(TASK, slots, ids, MeasureConfig())["metrics"]
    for length in (100, 1100, 2500):
        parts = run_task(TASK, slots, ids, MeasureConfig(), length=length)["metrics"]
        assert digest_dataset(parts) == digest_dataset(whole)


def test_metrics_of_hours_joined_are_those_of_all_frames(night, pedestals):
    table = measured(frames=night, pedestals=pedestals)
    times = night["time"].values.astype("int64")
    lost = 0
    for quabo in range(4):
        lost += (np.diff(night["pkt_num"].values[night["quabo"].values == quabo].astype("int64")) - 1).sum()
    assert value(table, "host_lag") == pytest.approx(np.median(night["host_lag"].values) / 1e6)
    assert value(table, "largest_gap") == np.diff(times).max() / 1e9
    assert value(table, "frame_rate") == pytest.approx((len(times) - 1) / ((times[-1] - times[0]) / 1e9))
    assert value(table, "lost_packets") == pytest.approx(1e6 * lost / (lost + len(times)))
    assert value(table, "partial_frames") == pytest.approx((night["quality"].values & 1).mean())
    silence = 0
    for quabo in range(4):
        own = times[night["quabo"].values == quabo]
        silence = max(silence, np.diff(own).max(), own[0] - times[0], times[-1] - own[-1])
    assert value(table, "quabo_silence") == pytest.approx(silence * len(times) / 4 / np.ptp(times))
    assert (table["metric"] == "frames").sum() == 1 + len(np.unique(times // HOUR))


def test_a_summary_of_fast_frames_is_small_and_keeps_their_medians():
    rows = 1_200_000
    lag = np.random.default_rng(3).normal(1e6, 1e5, rows)
    fast = xr.Dataset(
        {"host_lag": ("time", lag.astype("int64"))},
        {"time": (START + np.arange(rows) * 1_000_000).astype("datetime64[ns]")},
        {"integration_time_s": 0.001},
    )
    small = summarise(fast)
    assert small.nbytes < fast.nbytes / 10
    assert int(small["rows"].sum()) == rows
    assert np.median(small["host_lag"].values) == pytest.approx(np.median(lag), abs=2000)


def test_a_quabo_that_never_triggers_is_silent_all_the_time(night):
    table = measured(frames=night.isel(time=np.flatnonzero(night["quabo"].values != 2)))
    assert value(table, "quabo_silence") == pytest.approx(table.set_index("metric")["value"]["frames"].iloc[0] / 4)


def events(*minutes):
    """Events of so many per minute."""
    times = [START + (m * 60 + (n + 0.5) * 60 / count) * 1e9 for m, count in enumerate(minutes) for n in range(count)]
    return xr.Dataset({}, {"time": np.array(times, "int64").astype("datetime64[ns]")})


def test_a_dip_of_the_event_rate_is_measured_in_poisson_deviations():
    steady = [*[20] * 40, 20]
    dipped = [*[20] * 10, *[5] * 5, *[20] * 25, 20]
    assert value(measured(frames=events(*steady)), "rate_dip") == pytest.approx(0.0, abs=0.2)
    assert value(measured(frames=events(*dipped)), "rate_dip") == pytest.approx(75 / 100**0.5)
    assert value(measured(frames=events(*dipped[8:17])), "rate_dip") == 0.0


def test_frames_at_a_fixed_rate_have_no_dip(frames):
    assert np.isnan(value(measured(frames=frames), "rate_dip"))


def test_the_slope_of_the_sky_is_measured_across_the_camera(pedestals):
    rising = pedestals["pedestal"] * 0 + 100 + 0.5 * xr.DataArray(np.arange(32) - 15.5, dims="x")
    sloped = pedestals.assign(pedestal=rising.transpose("cell", "y", "x").assign_attrs(units="count"))
    sloped["pedestal"][:, 3, 4] = 5000
    assert value(measured(frames=events(20), pedestals=sloped), "sky_gradient") == pytest.approx(0.5 * 31 / 100, 0.01)
    sloped["pedestal"].attrs["units"] = "adu"
    assert np.isnan(value(measured(frames=events(20), pedestals=sloped), "sky_gradient"))


def test_a_quabo_that_is_never_there_makes_no_slope_of_the_sky_and_no_warning(pedestals):
    pedestals["pedestal"][:, :16, :16] = np.nan
    pedestals["pedestal"][1] = np.nan
    brightest = np.random.default_rng(8).normal(50, 10, pedestals["pedestal"].shape)
    pedestals = pedestals.assign(maximum=pedestals["maximum"] + brightest)
    for units in ("count", "adu"):
        pedestals["pedestal"].attrs["units"] = units
        table = measured(frames=events(20), pedestals=pedestals)
        assert np.isnan(value(table, "sky_gradient"))
        assert np.isfinite(value(table, "border_correlation")) == (units == "adu")


def shutter(pedestals, light, states):
    """Conflicts of a camera with so much light in each cell and such shutter states read in them."""
    cells = pedestals.isel(cell=slice(0, len(light)))
    cells["pedestal"][:] = np.array(light, float)[:, None, None]
    read = cells["begin"].values + np.timedelta64(30, "s")
    records = xr.Dataset(
        {"detector": ("time", np.full(len(read), 254)), "shutter": ("time", np.array(states, "float32"))},
        {"time": read},
    )
    return value(measured(frames=events(1), pedestals=cells, housekeeping=records), "shutter_conflicts")


def test_shutter_and_light_must_change_together_whatever_the_boards_call_open(pedestals):
    opened = [0, 0, 100, 90, 110, 0]
    assert shutter(pedestals, opened, [1, 1, 0, 0, 0, 1]) == 0
    assert shutter(pedestals, opened, [0, 0, 1, 1, 1, 0]) == 0
    assert shutter(pedestals, opened, [0] * 6) == 2
    assert shutter(pedestals, [100] * 6, [0, 0, 1, 1, 0, 0]) == 2
    assert shutter(pedestals, [0, 0, 50, 100, 100, 100], [0, 0, np.nan, 1, 1, 1]) == 0
    assert np.isnan(shutter(pedestals, opened, [np.nan] * 6))


def test_the_index_of_the_sizes_is_that_of_the_power_law():
    draw = np.random.default_rng(5)
    size = (1 - draw.random(20_000)) ** (-1 / 1.7) + draw.normal(0, 0.2, 20_000)
    times = (START + np.arange(20_000) * 10**9).astype("datetime64[ns]")
    triggered = {"frame_mean": ("time", size), "quality": ("time", np.zeros(20_000, "uint16"))}
    frames = xr.Dataset(triggered, {"time": times})
    assert value(measured(frames=frames), "size_slope") == pytest.approx(1.7, abs=0.1)
    assert np.isnan(value(measured(frames=frames.isel(time=slice(400))), "size_slope"))
    assert np.isnan(value(measured(frames=frames.assign_attrs(integration_time_s=1.0)), "size_slope"))


def test_misplaced_quadrants_break_the_images_of_showers(pedestals):
    place = np.random.default_rng(6).uniform(4, 28, (91, 2, 1, 1))
    y, x = np.mgrid[:32, :32]
    showers = 50 * np.exp(-((y - place[:, 0]) ** 2 + (x - place[:, 1]) ** 2) / 8)
    pedestals["pedestal"].attrs["units"] = "adu"
    seen = pedestals.assign(maximum=pedestals["maximum"] * 0 + pedestals["pedestal"] + showers)
    swapped = np.roll(showers, (16, 16), axis=(1, 2))
    moved = pedestals.assign(maximum=pedestals["maximum"] * 0 + pedestals["pedestal"] + swapped)
    assert value(measured(frames=events(20), pedestals=seen), "border_correlation") > 3
    assert value(measured(frames=events(20), pedestals=moved), "border_correlation") < -6


def test_readings_from_long_before_the_frames_do_not_count(frames):
    times = START + np.array([-90 * 24 * HOUR, 0, HOUR // 4])
    readings = {"pll_locked": [0.0, 1.0, 1.0], "gps_locked": [0.0, np.nan, np.nan]}
    clocks = xr.Dataset({k: ("time", v) for k, v in readings.items()}, {"time": times.astype("datetime64[ns]")})
    table = measured(frames=frames, clocks=clocks)
    assert value(table, "wr_locked") == 1.0
    assert np.isnan(value(table, "gps_locked"))


def test_no_frames_give_no_rows(frames, pedestals):
    assert len(measured(frames=frames.isel(time=slice(0)), pedestals=pedestals)) == 0


def test_metrics_have_docs_units_and_a_slot_of_the_task():
    slots = {s.name: {v.name for v in s.variables} for s in TASK.inputs}
    slots["pedestals"].add("shutter")  # which the task adds from the housekeeping
    for metric in METRICS:
        assert metric.doc.endswith(".")
        assert metric.unit
        assert {v.name for v in metric.variables} <= slots[metric.slot]
