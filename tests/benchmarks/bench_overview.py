"""First plot of 1e8 samples: from the overview, beside a full read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from harness import Figure, interleave, measure

from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable
from hven.store import arrays, overviews
from hven.store.overview_read import read_overview
from hven.store.read import open_product, read_rows
from hven.store.staging import unlock

SAMPLES = 100_000_000
AT_ONCE = 1 << 20
LIGHT = Variable("light", ("time",), "float32", "count", "Light.")
TIME = Variable("time", ("time",), "datetime64[ns]", "", "Time.")
TYPE = DatasetType("bench.light", Level.L1, "array", (), (LIGHT, TIME), "A light curve.", overviews=("light",))


def _part(start: int, stop: int) -> xr.Dataset:
    light = np.random.default_rng(start).normal(100, 10, stop - start).astype("f4")
    time = (np.arange(start, stop) * 1_000_000).astype("M8[ns]")
    return xr.Dataset({"light": ("time", light, {"units": "count"})}, {"time": time})


def _write(folder: Path) -> None:
    shard = arrays.create(folder, TYPE, _part(0, 2), SAMPLES)
    step = AT_ONCE // shard * shard
    for start in range(0, SAMPLES, step):
        arrays.write_rows(folder, start, _part(start, min(start + step, SAMPLES)))


def figures() -> Iterator[Figure]:
    folder = Path(tempfile.mkdtemp()) / "product"
    folder.mkdir()
    _write(folder)
    build = measure(lambda: overviews.join(folder))

    def full() -> None:
        light = read_rows(folder, ["light"], 0, SAMPLES).light.values
        light[: SAMPLES // 2000 * 2000].reshape(2000, -1).min(1)

    look, read = interleave(lambda: read_overview(folder, "light", max_points=2000), full, repeats=3)
    assert open_product(folder, indexes=False).sizes["time"] == SAMPLES
    note = f"{look.wall * 1e3:.1f} ms against {read.wall:.2f} s; joining took {build.wall:.2f} s"
    yield Figure("first plot of 1e8 samples against full read", read.wall / look.wall, "x", ">=", 50, note)
    unlock(folder.parent)
    shutil.rmtree(folder.parent)
