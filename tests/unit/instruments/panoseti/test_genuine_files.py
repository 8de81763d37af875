"""What genuine recordings hold; the numbers were measured on them by other means."""

from __future__ import annotations

import numpy as np
import pytest

from hven.core.clock import day_obs

FILES = {"2022": "img16", "2023": "img16", "ph256": "ph256", "ph1024": "ph1024"}


def read(panoseti, path, product):
    form = panoseti.formats[f"panoseti.{product}"]
    inspection = form.inspect([path])
    dataset = form.read([path], 0, inspection.rows)
    return dataset.assign_attrs(form.attrs([path], {}))


@pytest.fixture(scope="module")
def datasets(panoseti, genuine):
    return {key: read(panoseti, genuine[key], product) for key, product in FILES.items()}


@pytest.mark.parametrize("key", FILES)
def test_raw_bytes_come_back(panoseti, genuine, datasets, key):
    form = panoseti.formats[f"panoseti.{FILES[key]}"]
    assert b"".join(form.encode(datasets[key])) == genuine[key].read_bytes()


@pytest.mark.parametrize("key", FILES)
def test_datasets_fit_their_declaration(panoseti, datasets, key):
    declared = {t.name: t for t in panoseti.dataset_types if t.level == "L0"}
    declared[f"panoseti.{FILES[key]}"].check(datasets[key])


@pytest.mark.parametrize(
    ("key", "frames", "status"),
    [
        ("2022", 166, "subsecond-locked"),
        ("2023", 963, "subsecond-locked"),
        ("ph256", 88, "unsynchronised"),
        ("ph1024", 944, "subsecond-locked"),
    ],
)
def test_frames_and_clock_status(datasets, key, frames, status):
    assert datasets[key].sizes["time"] == frames
    assert datasets[key].attrs["clock_status"] == status


@pytest.mark.parametrize(("key", "offset"), [("2023", 1), ("ph1024", -50)])
def test_whole_seconds_are_off_from_tai(datasets, key, offset):
    assert datasets[key].attrs["clock_tai_offset_s"] == offset
    assert datasets[key].attrs["clock_tai_offset_fraction"] > 0.99


def test_pulse_heights_are_signed_and_six_events_miss_a_quabo(datasets):
    events = datasets["ph1024"]
    assert (int(events.images.min()), int(events.images.max())) == (-179, 2340)
    valid = events.quabo_valid.values
    assert (~valid.all(axis=1)).sum() == 6
    assert ((~valid).sum(axis=0) == 4).all()
    assert events.attrs["clock_host_lag_median_ns"] / 1e6 == pytest.approx(-131, abs=1)
    assert day_obs(int(events.time.values[0].astype(np.int64)), -20) == 20251021


def test_a_missing_quabo_leaves_its_own_quadrant_dark(datasets):
    events = datasets["ph1024"]
    quadrants = events.images.values.reshape(-1, 2, 16, 2, 16).transpose(0, 1, 3, 2, 4)
    dark = (quadrants == 0).all(axis=(3, 4))
    upper_left, upper_right, lower_right, lower_left = dark[:, 0, 0], dark[:, 0, 1], dark[:, 1, 1], dark[:, 1, 0]
    places = np.stack([upper_left, upper_right, lower_right, lower_left], axis=1)
    missing = {tuple(q) for q in np.argwhere(~events.quabo_valid.values)}
    assert {tuple(q) for q in np.argwhere(places)} == missing
    assert len(missing) == 16


def test_time_never_runs_backward(datasets):
    """Whole events; packets without partners were sent before the run or 0.9 us apart, and L1 puts them in order."""
    for key in ("2022", "2023", "ph1024"):
        whole = datasets[key].quabo_valid.values.all(axis=1)
        assert (np.diff(datasets[key].time.values[whole].astype(np.int64)) > 0).all()
    assert (np.diff(datasets["ph256"].time.values.astype(np.int64)) >= 0).all()


def test_light_of_2022_and_frame_rates(datasets):
    assert datasets["2022"].images.values.mean() == pytest.approx(703, abs=1.5)
    for key, rate in (("2022", 20.0), ("2023", 200.0)):
        steps = np.diff(datasets[key].time.values.astype(np.int64)) / 1e9
        assert 1 / np.median(steps) == pytest.approx(rate, abs=1e-3)
        assert 1 / steps.mean() == pytest.approx(rate, rel=1e-6)


def test_an_unsynchronised_run_has_the_host_time(datasets):
    packets = datasets["ph256"]
    host = packets.tv_sec.values * 1_000_000_000 + packets.tv_usec.values.astype(np.int64) * 1000
    assert (packets.time.values.astype(np.int64) == host).all()
    assert set(np.unique(packets.quabo.values)) <= {0, 1, 2, 3}


def test_housekeeping_comes_back_without_its_cut_record(panoseti, real_data):
    path = next((real_data / "panoseti" / "run_directories").glob("obs_UCB*/hk.pff"))
    form = panoseti.formats["panoseti.housekeeping"]
    inspection = form.inspect([path])
    assert (inspection.rows, inspection.tail_bytes, inspection.partial) == (36, (284,), True)
    table = form.read([path], 0, inspection.rows)
    assert b"".join(form.encode(table)) == path.read_bytes()[:-284]
    assert str(table.time.values[0]) == "2023-06-28T23:33:42.577798800"
    assert set(table.device.values) >= {"QUABO_1016", "GPSPRIM", "GPSSUPP", "WRSWITCH", "WPS"}
