"""Pedestals, statistics and pulses of an L0 product, beside plain xarray on Dask's threads.

Ours is what the executor does, block after block in one thread. The plain way gives in substance the same: of each
pixel and minute the clipped mean and deviation (5 sigma, from median and MAD), their count, mean, deviation, least and
largest of all values; and how many boxes of 1, 2, ... 32 frames stand 4 sigma over the mean of the 64 boxes before
them. It does less where it stops at one pass of clipping, takes the noise of light, and counts boxes without a list.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from harness import Figure, interleave
from movie import write_movie

from hven.archive.convert import Source, convert
from hven.instruments import load
from hven.model.data_id import DataId, Level
from hven.model.task import Inputs, Task
from hven.pipeline import plan
from hven.store.arrays import DATA
from hven.store.read import read_rows, variable_names
from hven.tasks.frames import measure_pedestals
from hven.tasks.pulses import find_pulses

MEGABYTES = 200
REPEATS = 3
CELL_S, CLIP, MAD_TO_SIGMA = 60, 5.0, 1.4826
LEVELS, BACKGROUND, THRESHOLD = 6, 64, 4.0
PANOSETI = load("panoseti")
TYPE = next(t for t in PANOSETI.dataset_types if t.level is Level.L0 and t.name == "panoseti.img16")
DATA_ID = DataId(instrument="panoseti", day_obs=20251021, observation="bench", detector=254)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = sorted(write_movie(folder, MEGABYTES).glob("*.dp_img16*.pff"))
        reader = PANOSETI.formats[TYPE.name]
        source = Source(tuple(raw), reader, reader.inspect(raw), {})
        convert(folder, TYPE, source, check=lambda: None)
        yield _compared(folder, source.inspection.rows)


def _compared(folder: Path, rows: int) -> Figure:
    edges = plan.cell_edges(folder, "time", rows, CELL_S, None)
    pedestals, pulses, plain_pedestals, plain_pulses = interleave(
        lambda: _run(folder, measure_pedestals.TASK, lambda length, halo: plan.grid_spans(edges, rows, length, halo)),
        lambda: _run(folder, find_pulses.TASK, lambda length, halo: plan.row_spans(rows, length, halo)),
        lambda: _images(folder).resample(time=f"{CELL_S}s").map(_statistics).compute(scheduler="threads"),
        lambda: _pulses(_images(folder)).compute(scheduler="threads"),
        repeats=REPEATS,
    )
    ours, plain = pedestals.cpu + pulses.cpu, plain_pedestals.cpu + plain_pulses.cpu
    gigabytes = rows * 2048 / 1e9
    note = (
        f"{ours / gigabytes:.1f} against {plain / gigabytes:.0f} CPU-s/GB of pixels; pedestals and statistics "
        f"{plain_pedestals.cpu / pedestals.cpu:.1f}x, pulses {plain_pulses.cpu / pulses.cpu:.1f}x"
    )
    raw = rows * 2537 / 1e9
    facts = {
        "reduce.pedestals.cpu_per_byte": (pedestals.cpu / raw, "s / GB"),
        "reduce.pulses.cpu_per_byte": (pulses.cpu / raw, "s / GB"),
    }
    return Figure("pedestals, statistics, pulses against xarray", plain / ours, "x CPU", ">=", 4, note, facts)


def _run(folder: Path, task: Task, cut: Callable[[int, int], list[plan.Span]]) -> None:
    there = variable_names(folder)
    names = [v.name for v in task.inputs[0].variables if v.name in there]
    length = plan.block_length(task, row_bytes=plan.bytes_per_row(folder, names, "time"), shard=1)
    for span in cut(length, task.block.halo):
        dataset = read_rows(folder, names, span.start - span.before, span.stop + span.after)
        own = slice(span.before, span.before + span.stop - span.start)
        task.run(Inputs({"frames": dataset}, {"frames": DATA_ID}, own, span.start), task.config())


def _images(folder: Path) -> xr.DataArray:
    return xr.open_zarr(folder / DATA, consolidated=False).images.chunk(time=-1, y=2)


def _statistics(cell: xr.DataArray) -> xr.Dataset:
    median = cell.median("time")
    distance = abs(cell - median)
    kept = cell.where(distance <= CLIP * MAD_TO_SIGMA * distance.median("time"))
    return xr.Dataset(
        {
            "pedestal": kept.mean("time"),
            "noise": kept.std("time"),
            "count": kept.count("time"),
            "mean": cell.mean("time"),
            "deviation": cell.std("time"),
            "minimum": cell.min("time"),
            "maximum": cell.max("time"),
        }
    )


def _pulses(images: xr.DataArray) -> xr.Dataset:
    total = images.astype(np.int64).cumsum("time").drop_vars("time")
    found = {}
    for level in range(LEVELS):
        length = 2**level
        box = total - total.shift(time=length)
        before = total.shift(time=length)
        mean = (before - before.shift(time=BACKGROUND * length)) / BACKGROUND
        found[f"level_{level}"] = (box - mean > THRESHOLD * np.sqrt(mean)).sum("time")
    return xr.Dataset(found)
