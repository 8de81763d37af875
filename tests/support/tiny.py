"""A telescope of 2x3 pixels with tasks of every kind: grid cells, rows in place, tables, many detectors at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from hven.model.data_id import DataId, DatasetRef, Level, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.provenance import Provenance, SoftwareRecord
from hven.model.task import Block, Config, Inputs, Output, Slot, Task
from hven.model.variable import Variable
from hven.store.publish import stage
from hven.store.write import write_dataset

NS = 10**9
KEYS = ("instrument", "day_obs", "observation")
ALL_KEYS = (*KEYS, "detector")
START = 1_761_117_502 * NS

TIME = Variable("time", ("time",), "datetime64[ns]", "", "Time of the frame.")
IMAGES = Variable("images", ("time", "y", "x"), "uint16", "count", "Frames.")
BEGIN = Variable("begin", ("cell",), "datetime64[ns]", "", "Begin of the cell.")
LEVEL = Variable("level", ("cell", "y", "x"), "float64", "count", "Mean.")
TOTAL = Variable("total", ("y", "x"), "int64", "count", "Sum over all rows.")
SIGNAL = Variable("signal", ("time", "y", "x"), "float32", "count", "Smoothed frame minus level.")
MASK = Variable("mask", ("y", "x"), "uint8", "", "Dead pixels.")
WHEN = Variable("when", ("event",), "datetime64[ns]", "", "Time of the peak.")
VALUE = Variable("value", ("event",), "float32", "count", "Height of the peak.")
COUNT = Variable("count", ("detector_index",), "int64", "1", "Peaks of each detector.")


class Nothing(Config):
    """Nothing to choose."""


class CellConfig(Config):
    """Length of a cell."""

    cell_s: float = 1.0


class PeakConfig(Config):
    """Threshold, and faults to inject."""

    threshold: float = 20.0
    fail_detector: int = -1
    kill_detector: int = -1
    fail_unless: str = ""
    sleep_s: float = 0.0
    pids: str = ""


def _levels(inputs: Inputs, config: CellConfig) -> Mapping[str, xr.Dataset]:
    frames = inputs["frames"].isel(time=inputs.own)
    times = frames["time"].values.view(np.int64)
    cell_ns = round(config.cell_s * NS)
    cells = times // cell_ns
    names = np.unique(cells)
    images = frames["images"].values.astype(np.int64)
    return {
        "levels": xr.Dataset(
            {
                "level": (("cell", "y", "x"), np.stack([images[cells == c].mean(axis=0) for c in names])),
                "total": (("y", "x"), images.sum(axis=0)),
            },
            {"begin": ("cell", (names * cell_ns).view("datetime64[ns]"))},
            {"method": "mean"},
        )
    }


def _sum_totals(parts: Mapping[str, list[xr.Dataset]], _config: CellConfig) -> Mapping[str, xr.Dataset]:
    first = parts["levels"][0]
    return {"levels": first.assign(total=(("y", "x"), sum(p["total"].values for p in parts["levels"])))}


def _subtract(inputs: Inputs, _config: Nothing) -> Mapping[str, xr.Dataset]:
    frames, levels = inputs["frames"], inputs["levels"]
    images = frames["images"].values.astype(np.float32)
    before = np.concatenate([images[:1], images[:-1]])
    smooth = ((images + before) / 2)[inputs.own]
    if inputs.own.start == 0:
        smooth[0] = images[0]
    times = frames["time"].values[inputs.own]
    place = np.maximum(np.searchsorted(levels["begin"].values, times, side="right") - 1, 0)
    values = smooth - levels["level"].values[place].astype(np.float32)
    dead = (levels["total"].values == 0).astype(np.uint8)
    variables = {"signal": (("time", "y", "x"), values), "mask": (("y", "x"), dead)}
    return {"signal": xr.Dataset(variables, {"time": ("time", times)}, {"cells": int(levels.sizes["cell"])})}


def _peaks(inputs: Inputs, config: PeakConfig) -> Mapping[str, xr.Dataset]:
    detector = inputs.data_id("frames")["detector"]
    if config.pids:
        Path(config.pids, str(os.getpid())).touch()
    time.sleep(config.sleep_s)
    if detector == config.fail_detector:
        raise ValueError(f"detector {detector} is broken")
    if config.fail_unless and _is_first(Path(config.fail_unless)):
        raise RuntimeError(f"detector {detector} stumbled")
    if detector == config.kill_detector:
        os.kill(os.getpid(), signal.SIGKILL)
    frames = inputs["frames"].isel(time=inputs.own)
    height = frames["signal"].values.max(axis=(1, 2))
    rows = height > config.threshold
    return {"peaks": xr.Dataset({"value": ("event", height[rows])}, {"when": ("event", frames["time"].values[rows])})}


def _is_first(mark: Path) -> bool:
    """Whether nobody has set this mark before, of all that try at the same moment."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _pair(inputs: Inputs, _config: Nothing) -> Mapping[str, xr.Dataset]:
    counts = [peaks.sizes["event"] for peaks in inputs["peaks"]]
    return {"pairs": xr.Dataset({"count": ("detector_index", np.array(counts, np.int64))})}


LEVELS = Task(
    "tiny.levels",
    "1",
    "Mean of each cell.",
    (Slot("frames", (TIME, IMAGES), "Frames.", order="time"),),
    (Output("levels", (BEGIN, LEVEL, TOTAL), "Levels.", "cell"),),
    ALL_KEYS,
    CellConfig,
    _levels,
    Block("time", length=64, every_s="cell_s"),
    _sum_totals,
)
SUBTRACT = Task(
    "tiny.subtract",
    "1",
    "Smooth and subtract.",
    (
        Slot("frames", (TIME, IMAGES), "Frames.", order="time"),
        Slot("levels", (BEGIN, LEVEL, TOTAL), "Levels.", whole=True),
    ),
    (Output("signal", (TIME, SIGNAL, MASK), "Signal.", "time"),),
    ALL_KEYS,
    Nothing,
    _subtract,
    Block("time", length=64, halo=1),
)
PEAKS = Task(
    "tiny.peaks",
    "1",
    "Find peaks.",
    (Slot("frames", (TIME, SIGNAL), "Signal."),),
    (Output("peaks", (WHEN, VALUE), "Peaks.", "event"),),
    ALL_KEYS,
    PeakConfig,
    _peaks,
    Block("time", length=64),
)
PAIR = Task(
    "tiny.pair",
    "1",
    "Count the peaks of all detectors.",
    (Slot("peaks", (WHEN, VALUE), "Peaks.", multiple=True),),
    (Output("pairs", (COUNT,), "Counts.", "detector_index"),),
    KEYS,
    Nothing,
    _pair,
)

TYPES = (
    DatasetType("tiny.frames", Level.L0, "array", ALL_KEYS, (TIME, IMAGES), "Frames."),
    DatasetType(
        "tiny.levels", Level.L1, "array", ALL_KEYS, (BEGIN, LEVEL, TOTAL), "Levels.", "cell", coordinates=("begin",)
    ),
    DatasetType("tiny.signal", Level.L1, "array", ALL_KEYS, (TIME, SIGNAL, MASK), "Signal.", overviews=("signal",)),
    DatasetType("tiny.peaks", Level.L2, "table", ALL_KEYS, (WHEN, VALUE), "Peaks.", "event", coordinates=("when",)),
    DatasetType("tiny.pairs", Level.L2, "table", KEYS, (COUNT,), "Counts.", "detector_index", coordinates=()),
)

PIPELINE = """
name: tiny/all
doc: Everything.
instrument: tiny
steps:
  levels: {task: "tiny:LEVELS", inputs: {frames: L0/tiny.frames}, outputs: {levels: L1/tiny.levels}}
  pair: {task: "tiny:PAIR", inputs: {peaks: L2/tiny.peaks}, outputs: {pairs: L2/tiny.pairs}}
  peaks: {task: "tiny:PEAKS", inputs: {frames: L1/tiny.signal}, outputs: {peaks: L2/tiny.peaks}}
  signal:
    task: "tiny:SUBTRACT"
    inputs: {frames: L0/tiny.frames, levels: L1/tiny.levels}
    outputs: {signal: L1/tiny.signal}
subsets:
  first: [levels, signal]
"""


def instrument(folder: Path, **pipelines: str) -> Instrument:
    """Instrument whose pipeline files lie in a folder; `all` is always there."""
    (folder / "pipelines").mkdir(parents=True, exist_ok=True)
    for name, text in {"all": PIPELINE, **pipelines}.items():
        (folder / "pipelines" / f"{name}.yaml").write_text(text)
    return Instrument("tiny", "Tiny", TYPES, {}, lambda _: iter(()), lambda _, b: b, lambda *_: None, folder)


def frames(rows: int, seed: int, *, shuffled: bool = False) -> xr.Dataset:
    """Poisson frames, 40 Hz, with a peak now and then; `shuffled` swaps some rows in time."""
    rng = np.random.default_rng(seed)
    images = rng.poisson(10, (rows, 2, 3)).astype(np.uint16)
    images[::37, 0, 0] += 60
    times = START + np.arange(rows, dtype=np.int64) * (NS // 40)
    if shuffled:
        times[5:50] = times[5:50][::-1]
    return xr.Dataset(
        {"images": (("time", "y", "x"), images, {"units": "count"})},
        xr.Coordinates({"time": ("time", times.view("datetime64[ns]"))}, indexes={}),
        {"site": "nowhere"},
    )


def data_id(detector: int, observation: str = "a") -> DataId:
    """Data ID of a test observation."""
    return DataId(instrument="tiny", day_obs=20251021, observation=observation, detector=detector)


def publish_frames(root, registry, detector: int, dataset: xr.Dataset, *, observation: str = "a", flags=()):
    """Publish L0 frames and register them."""
    ref = DatasetRef(TypeName.parse("L0/tiny.frames"), data_id(detector, observation))
    with stage(root, ref) as staging:
        write_dataset(staging.path, TYPES[0], dataset)
        record = Provenance(
            id=staging.id,
            dataset_type=str(ref.type),
            schema_version="1.0",
            data_id=dict(ref.data_id),
            run="tiny/raw/all",
            task="",
            task_version="",
            config={},
            inputs=(),
            quantum_key="",
            output="",
            created_ns=1,
            user="test",
            site="test",
            software=SoftwareRecord(version="0", commit="", environment="", python="3"),
        )
        product = staging.publish(record, TYPES[0], flags=flags)
    registry.register([product], inputs={})
    return product
