"""Overviews: min, max and mean over 256, 4096, 65536, ... rows, so that a first look reads little.

While a product is written each shard's rows leave their share (256 rows to a cell) in a small file beside the data;
publishing joins them and builds the coarser levels. Cells are counted from the product's first row, so the
result does not depend on how the writing was cut.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hven.core.errors import ConfigurationError
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.store import codecs
from hven.store.laid_out import lay_out_array, lay_out_group
from hven.store.opened import open_array
from hven.store.shard_files import ShardFiles

OVERVIEWS = "overviews.zarr"
STATISTICS = ("min", "max", "mean")
COUNT = "count"
"""Rows that a cell's mean stands for, kept where some can be not-a-number."""
BASE = 256
STEP = 16
TIME = "time"
_PARTS = "overviews.parts"
_FEWEST_CELLS = 16

Cells = dict[str, np.ndarray[Any, Any]]


def check(dataset_type: DatasetType, shard: int) -> None:
    """Raise ConfigurationError where rows are too wide to have overviews, or have no time."""
    if not dataset_type.overviews:
        return
    if shard % BASE:
        raise ConfigurationError(
            f"{dataset_type.type_name}: shards of {shard} rows are too short for overviews of {BASE} rows"
        )
    if TIME not in {v.name for v in dataset_type.variables}:
        raise ConfigurationError(f"{dataset_type.type_name}: overviews need a variable {TIME!r} along the rows")


def write_part(folder: Path, start: int, variables: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Keep the share of some rows, beginning at row `start` (a multiple of `BASE`), until `join`."""
    if variables:
        keep_part(folder, start, [reduce_part(variables)])


def reduce_part(variables: Mapping[str, np.ndarray[Any, Any]]) -> Cells:
    """Cells of some rows, by ``variable.statistic``."""
    return {f"{n}.{s}": v for n, values in variables.items() for s, v in reduce_rows(values).items()}


def keep_part(folder: Path, start: int, pieces: Sequence[Cells]) -> None:
    """Keep cells that follow each other, beginning at row `start`, until `join`."""
    cells: dict[str, Any] = {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]}
    target = folder / _PARTS / f"{start:015d}.npz"
    target.parent.mkdir(exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **cells)
    partial.replace(target)


def join(folder: Path) -> None:
    """Join the shares of all rows, build the coarser levels, and remove the shares."""
    parts = sorted((folder / _PARTS).glob("*.npz"))
    if not parts:
        return
    loaded = [dict(np.load(part)) for part in parts]
    lay_out_group(folder / OVERVIEWS)
    rows_of: dict[str, Cells] = {}
    for key in loaded[0]:
        name, _, statistic = key.rpartition(".")
        rows_of.setdefault(name, {})[statistic] = np.concatenate([part[key] for part in loaded])
    for name, cells in rows_of.items():
        _write_levels(folder / OVERVIEWS / name, cells)
    shutil.rmtree(folder / _PARTS)


def reduce_rows(values: np.ndarray[Any, Any], factor: int = BASE) -> Cells:
    """Min, max, mean and count of each `factor` rows; the last cell may have fewer.

    Not-a-number is left out; a cell of nothing else is not-a-number.
    """
    from hven.store.cells import reduce_floats, reduce_integers  # numba, which who only reads does without

    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    shape = (-(-len(values) // factor), flat.shape[1])
    low, high = np.empty(shape, flat.dtype), np.empty(shape, flat.dtype)
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    reduce = reduce_floats if flat.dtype.kind == "f" else reduce_integers
    reduce(flat, factor, low, high, total, count)
    with np.errstate(invalid="ignore"):
        mean = (total / count).astype(np.result_type(flat.dtype, np.float32))
    cells = {"min": low, "max": high, "mean": mean, "count": count}
    return {k: v.reshape(shape[0], *values.shape[1:]) for k, v in cells.items()}


def _coarser(cells: Cells) -> Cells:
    low, high = (reduce_rows(cells[k], STEP)[k] for k in ("min", "max"))
    edges = np.arange(0, len(cells["mean"]), STEP)
    count = np.add.reduceat(cells["count"], edges)
    total = np.add.reduceat(np.nan_to_num(cells["mean"].astype(np.float64)) * cells["count"], edges)
    with np.errstate(invalid="ignore"):
        mean = (total / count).astype(cells["mean"].dtype)
    return {"min": low, "max": high, "mean": mean, "count": count}


def _write_levels(folder: Path, cells: Cells) -> None:
    lay_out_group(folder)
    factor = BASE
    while len(cells["count"]) >= _FEWEST_CELLS:
        lay_out_group(folder / str(factor))
        for statistic in (*STATISTICS, COUNT) if cells["min"].dtype.kind == "f" else STATISTICS:
            _write_level(folder / str(factor) / statistic, cells[statistic])
        cells, factor = _coarser(cells), factor * STEP


def _write_level(folder: Path, values: np.ndarray[Any, Any]) -> None:
    cut = codecs.layout(values.shape, values.dtype, len(values))
    alone = codecs.Layout(cut.chunks, None)
    lay_out_array(folder, values.shape, values.dtype, alone, compressor=codecs.compressor(Level.L1), fill_value=0)
    files = ShardFiles(folder, open_array(folder))
    for start in range(0, len(values), files.shard):
        files.write(start, values[start : start + files.shard])
        files.finish()
