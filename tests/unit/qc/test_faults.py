"""Every fault that the simulator injects shows in the metric made for it and in no other."""

import json
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
from hven.tasks.frames import measure_pedestals, parse_housekeeping, subtract_pedestal
from hven.testing.tasks import run_task

START = 1_761_117_600_000_000_000
TELESCOPES = point(PALOMAR, 305.557, 40.257, START)
DETECTOR = TELESCOPES[0].module
LENGTHS_S = {"img16": 240.0, "ph1024": 1200.0}


def housekeeping(seconds, faults):
    rows = list(readings(TELESCOPES, START, seconds, seed=1, faults=faults))
    times = np.array([int(float(f["Computer_UTC"]) * 1e9) for _, f in rows], "datetime64[ns]")
    columns = {"device": [d for d, _ in rows], "fields": [json.dumps(f) for _, f in rows]}
    records = xr.Dataset({k: ("time", np.array(v, object)) for k, v in columns.items()}, {"time": times})
    ids = {"records": DataId(instrument="panoseti")}
    return run_task(parse_housekeeping.TASK, {"records": records}, ids, parse_housekeeping.HousekeepingConfig())[
        "numbers"
    ]


def statuses(product, faults):
    """Metrics of a simulated observation that are not ok, with their status."""
    seconds = LENGTHS_S[product]
    if product == "img16":
        raw, _ = simulate_movie(Movie(TELESCOPES[0], START, 25.0, int(seconds * 25), faults=faults))
        pedestal_config, signal_config = {}, {}
    else:
        raw, _ = simulate_events(Events(TELESCOPES[0], TELESCOPES[0], START, seconds, faults=faults))
        pedestal_config, signal_config = {"cell_s": 300, "clip": 4.0, "guard": 4}, {"max_rate_hz": 2.0}
    ids = dict.fromkeys(("frames", "pedestals", "housekeeping"), DataId(instrument="panoseti", detector=DETECTOR))
    made = {"frames": raw, "housekeeping": housekeeping(seconds, faults)}
    config = measure_pedestals.PedestalConfig(**pedestal_config)
    made["pedestals"] = run_task(measure_pedestals.TASK, {"frames": raw}, ids, config)["pedestals"]
    config = subtract_pedestal.SignalConfig(**signal_config)
    made["frames"] = run_task(subtract_pedestal.TASK, made, ids, config)["signal"]
    table = run_task(MEASURE, made, ids, MeasureConfig())["metrics"].to_dataframe()
    thresholds = load_thresholds(Path(panoseti.__file__).parent / "thresholds.yaml")
    judged = evaluate(table, thresholds, f"panoseti.{product}")
    bad = judged[judged["status"] != "ok"]
    assert (bad["advice"] != "").all()
    return set(zip(bad["metric"], bad["status"], strict=True))


@pytest.mark.parametrize("product", ["img16", "ph1024"])
def test_good_data_are_ok_in_every_metric(product):
    assert statuses(product, Faults()) == set()


@pytest.mark.parametrize(
    ("product", "faults", "metric"),
    [
        ("img16", Faults(dropped_packets=0.01), "lost_packets"),
        ("ph1024", Faults(dropped_packets=0.01), "lost_packets"),
        ("img16", Faults(missing_quabo=0.05), "partial_frames"),
        ("ph1024", Faults(missing_quabo=0.05), "partial_frames"),
        ("img16", Faults(hot_pixel=6.0), "hot_pixels"),
        ("ph1024", Faults(hot_pixel=6.0), "noisy_pixels"),
        ("img16", Faults(clouds=0.6), "sky_variation"),
        ("img16", Faults(drifting_temperature=20.0), "detector_temperature_change"),
        ("ph1024", Faults(drifting_temperature=20.0), "detector_temperature_change"),
        ("img16", Faults(lost_clock=True), "host_lag_spread"),
        ("ph1024", Faults(lost_clock=True), "host_lag_spread"),
    ],
)
def test_a_fault_shows_in_its_own_metric_alone(product, faults, metric):
    found = statuses(product, faults)
    assert {m for m, status in found if status in {"warning", "error"}} == {metric}
    cannot_be_told = {m for m, status in found if status == "missing"}
    assert cannot_be_told == ({"host_lag", "tai_offset"} if faults.lost_clock else set())
