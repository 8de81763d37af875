"""Observations of an even sky as pedestals and quality tables, with the truth: what calibrations are made from."""

from __future__ import annotations

import numpy as np
import small_night
import xarray as xr

from hven.core.clock import NS, parse_utc
from hven.core.settings import EngineSettings, Settings
from hven.model.data_id import DataId
from hven.observatory import connect
from hven.store.current import set_current

BEGIN = parse_utc("2025-10-22T04:00:00")
HOUR = 3600 * NS
LIGHT, FRAMES, CELLS = 60.0, 6000, 5


def observatory(folder):
    """An observatory without data, on which pipelines run in this process."""
    for name in ("data", "state"):
        (folder / name).mkdir(parents=True)
    return reopened(folder)


def reopened(folder):
    """The observatory that is in a folder."""
    return connect(Settings(root=folder / "data", state=folder / "state", engine=EngineSettings(kind="inprocess")))


def response(detector):
    """True response of each pixel, of median 1."""
    drawn = np.random.default_rng(detector).normal(1.0, 0.08, (32, 32)).clip(0.7, 1.3)
    return drawn / np.median(drawn)


def add(obs, *names, detectors=(1, 2), first=0, drift=(), bad=(), name="img16"):
    """Register observations an hour apart, each with cells of a minute.

    In `drift` are detectors whose pixels respond otherwise in every observation; in `bad`, observations without
    frames by their quality table.
    """
    for number, observation in enumerate(names, first):
        for detector in detectors:
            keys = {"instrument": "panoseti", "day_obs": 20251021, "observation": observation, "detector": detector}
            random = np.random.default_rng([number, detector])
            seen = response(100 + number if detector in drift else detector)
            fraction = 0.5 if observation in bad else 1.0
            put(obs, f"L1/panoseti.{name}.pedestals", keys, cells(seen, random, BEGIN + number * HOUR, name))
            put(obs, f"L2/panoseti.{name}.qc", keys, quality(fraction, BEGIN + number * HOUR))


def put(obs, name, keys, dataset):
    """Publish and register a product."""
    product = small_night.publish(obs.root, name, DataId(keys), dataset, [])
    set_current(obs.root, product)
    obs.registry.register([product], inputs={product.id: []})
    return product


def cells(seen, random, begin, name="img16"):
    """Pedestals of an even sky with Poisson noise."""
    dataset = small_night.blank(f"L1/panoseti.{name}.pedestals", cell=CELLS)
    level = LIGHT * seen
    error = np.sqrt(level / FRAMES)
    maps = {
        "pedestal": level + random.normal(0, 1, (CELLS, 32, 32)) * error,
        "noise": np.broadcast_to(np.sqrt(level), (CELLS, 32, 32)),
        "pedestal_error": np.broadcast_to(error, (CELLS, 32, 32)),
    }
    edges = np.datetime64(begin, "ns") + np.arange(CELLS + 1) * np.timedelta64(60, "s")
    found = {k: (("cell", "y", "x"), v.astype("float32"), dataset[k].attrs) for k, v in maps.items()}
    count = np.full((CELLS, 32, 32), FRAMES)
    times = {"begin": ("cell", edges[:-1]), "end": ("cell", edges[1:])}
    return dataset.assign(found | {"count": (("cell", "y", "x"), count, dataset["count"].attrs)} | times)


def quality(live_fraction, begin):
    """Table with one metric of a whole observation."""
    return xr.Dataset({
        **{k: ("row", np.array([v], object)) for k, v in
           (("metric", "live_fraction"), ("unit", "1"), ("grain", "observation"))},
        "begin": ("row", np.array([begin], "datetime64[ns]")),
        "end": ("row", np.array([begin + HOUR], "datetime64[ns]")),
        "value": ("row", np.array([live_fraction])),
    })  # fmt: skip


def frames(count):
    """Raw frames, one a second, of even light."""
    dataset = small_night.blank("L0/panoseti.img16", time=count).drop_vars("time")
    times = np.datetime64(BEGIN, "ns") + np.arange(count) * np.timedelta64(1, "s")
    images = np.full((count, 32, 32), 60, dataset["images"].dtype)
    there = np.ones(dataset["quabo_valid"].shape, bool)
    return dataset.assign(images=(("time", "y", "x"), images), quabo_valid=(("time", "quabo"), there)).assign_coords(
        time=times
    )
