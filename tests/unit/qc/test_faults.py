"""Every fault that the simulator injects shows in the metric made for it and in no other."""

import json
from dataclasses import fields
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hven.instruments import panoseti
from hven.instruments.panoseti.simulator import PALOMAR, Events, Faults, Movie, point, simulate_events, simulate_movie
from hven.instruments.panoseti.simulator.housekeeping import readings
from hven.model.data_id import DataId
from hven.qc.measure import TASK as MEASURE
from hven.qc.measure import MeasureConfig
from hven.qc.thresholds import evaluate, load_thresholds
from hven.tasks.frames import measure_pedestals, parse_clocks, parse_housekeeping, subtract_pedestal
from hven.testing.tasks import run_task

START = 1_761_117_600_000_000_000
TELESCOPES = point(PALOMAR, 305.557, 40.257, START)
DETECTOR = TELESCOPES[0].module
LENGTHS_S = {"img16": 240.0, "img8": 240.0, "ph256": 3600.0, "ph1024": 3600.0}
FRAMES_HZ = {"img16": 25.0, "img8": 100.0}
"""Short enough in 8 bit that a hot pixel does not saturate."""
SIGNAL = {"ph256": {"max_rate_hz": 8.0}, "ph1024": {"max_rate_hz": 2.0}}
THRESHOLDS = load_thresholds(Path(panoseti.__file__).parent / "thresholds.yaml")


OF_DEVICES = {"drifting_temperature", "unlocked_switch", "lost_link", "lost_gps"}
"""Faults that change what devices say; all others change frames. What a fault does not change is made once for all."""


def part(faults, names):
    """Those of some names alone."""
    return Faults(**{f.name: getattr(faults, f.name) for f in fields(Faults) if f.name in names})


def of_devices(faults):
    return part(faults, OF_DEVICES)


def of_frames(faults):
    return part(faults, {f.name for f in fields(Faults)} - OF_DEVICES)


@cache
def housekeeping(seconds, faults):
    """Boards and clocks, the same for all data products of equal length."""
    rows = list(readings(TELESCOPES, START, seconds, seed=1, faults=faults))
    times = np.array([int(float(f["Computer_UTC"]) * 1e9) for _, f in rows], "datetime64[ns]")
    columns = {"device": [d for d, _ in rows], "fields": [json.dumps(f) for _, f in rows]}
    records = xr.Dataset({k: ("time", np.array(v, object)) for k, v in columns.items()}, {"time": times})
    given, ids = {"records": records}, {"records": DataId(instrument="panoseti")}
    boards = run_task(parse_housekeeping.TASK, given, ids, parse_housekeeping.HousekeepingConfig())["numbers"]
    return {
        "housekeeping": boards,
        "clocks": run_task(parse_clocks.TASK, given, ids, parse_clocks.ClocksConfig())["clocks"],
    }


def simulate(product, seconds, faults):
    """Frames of an observation in order of time."""
    if product.startswith("img"):
        rate = FRAMES_HZ[product]
        frames = int(seconds * rate)
        return simulate_movie(Movie(TELESCOPES[0], START, rate, frames, product=product, faults=faults))[0]
    raw, _ = simulate_events(Events(TELESCOPES[0], TELESCOPES[0], START, seconds, faults=faults, product=product))
    return raw.isel(time=np.argsort(raw["time"].values, kind="stable"))


@lru_cache(maxsize=len(LENGTHS_S))
def frames_and_pedestals(product, faults):
    raw = simulate(product, LENGTHS_S[product], faults)
    config = {} if product.startswith("img") else {"cell_s": 300, "clip": 4.0, "guard": 4}
    ids = {"frames": DataId(instrument="panoseti", detector=DETECTOR)}
    made = run_task(measure_pedestals.TASK, {"frames": raw}, ids, measure_pedestals.PedestalConfig(**config))
    made["pedestals"]["pedestal"].attrs["units"] = raw["images"].attrs["units"]
    return {"frames": raw, "pedestals": made["pedestals"]}


def statuses(product, faults):
    """Metrics of a simulated observation that are not ok, with their status."""
    made = {
        **frames_and_pedestals(product, of_frames(faults)),
        **housekeeping(LENGTHS_S[product], of_devices(faults)),
    }
    ids = dict.fromkeys(made, DataId(instrument="panoseti", detector=DETECTOR))
    config = subtract_pedestal.SignalConfig(**SIGNAL.get(product, {}))
    without_clocks = {slot: dataset for slot, dataset in made.items() if slot != "clocks"}
    made["frames"] = run_task(subtract_pedestal.TASK, without_clocks, ids, config)["signal"]
    table = run_task(MEASURE, made, ids, MeasureConfig())["metrics"].to_dataframe()
    judged = evaluate(table, THRESHOLDS, f"panoseti.{product}")
    bad = judged[judged["status"] != "ok"]
    assert (bad["advice"] != "").all()
    return set(zip(bad["metric"], bad["status"], strict=True))


PRODUCTS = tuple(LENGTHS_S)
IMAGES, PULSE_HEIGHTS = PRODUCTS[:2], PRODUCTS[2:]
SHOWS = (
    (Faults(drifting_temperature=20.0), PRODUCTS, "detector_temperature_change"),
    (Faults(unlocked_switch=0.3), PRODUCTS, "wr_locked"),
    (Faults(lost_link=1), PRODUCTS, "wr_lost_links"),
    (Faults(lost_gps=0.3), PRODUCTS, "gps_locked"),
    (Faults(dropped_packets=0.01), PRODUCTS, "lost_packets"),
    (Faults(missing_quabo=0.06), ("img16", "img8", "ph1024"), "partial_frames"),
    (Faults(missing_quabo=0.06), ("ph256",), "quabo_silence"),
    (Faults(hot_pixel=6.0), IMAGES, "hot_pixels"),
    (Faults(hot_pixel=6.0), PULSE_HEIGHTS, "noisy_pixels"),
    (Faults(clouds=0.6), IMAGES, "sky_variation"),
    (Faults(clouds=0.6), PULSE_HEIGHTS, "rate_dip"),
    (Faults(lost_clock=True), PRODUCTS, "host_lag_spread"),
)
"""Every fault with the metric made for it in each data product; those that share frames follow the good data."""


@pytest.mark.parametrize("product", PRODUCTS)
def test_good_data_are_ok_in_every_metric(product):
    assert statuses(product, Faults()) == set()


@pytest.mark.parametrize(
    ("product", "faults", "metric"), [(product, f, metric) for f, products, metric in SHOWS for product in products]
)
def test_a_fault_shows_in_its_own_metric_alone(product, faults, metric):
    found = statuses(product, faults)
    assert {m for m, status in found if status in {"warning", "error"}} == {metric}
    cannot_be_told = {m for m, status in found if status == "missing"}
    assert cannot_be_told == ({"host_lag", "tai_offset"} if faults.lost_clock else set())


def test_every_fault_of_the_simulator_is_tried_in_every_data_product():
    tried = {(name, product) for faults, products, _ in SHOWS for name in faults.switched_on for product in products}
    assert tried == {(f.name, product) for f in fields(Faults) for product in PRODUCTS}


@pytest.mark.parametrize("product", PRODUCTS)
def test_faults_of_devices_leave_frames_alone(product):
    good = simulate(product, 5.0, Faults())
    assert good.sizes["time"]
    for faults in {of_devices(faults) for faults, _, _ in SHOWS} - {Faults()}:
        xr.testing.assert_identical(simulate(product, 5.0, faults), good)


def test_faults_of_frames_leave_alone_what_devices_say():
    good = list(readings(TELESCOPES, START, 30.0, seed=1, faults=Faults()))
    for faults in {of_frames(faults) for faults, _, _ in SHOWS} - {Faults()}:
        assert list(readings(TELESCOPES, START, 30.0, seed=1, faults=faults)) == good
