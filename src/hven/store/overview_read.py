"""Read overviews: as few cells as a plot has points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import UnknownNameError
from hven.store import arrays
from hven.store.opened import open_array
from hven.store.overviews import BASE, COUNT, OVERVIEWS, STATISTICS, STEP, TIME
from hven.store.read import read_rows, variable_names

RAW_BYTES = 64 << 20
"""Rows are read themselves, not their overview, where they are no more than this."""

Read = Callable[[str, str, int, int], np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class _Window:
    """Cells `[first, last)` of `factor` rows each, with their first and last time."""

    factor: int
    first: int
    last: int
    begin: np.ndarray[Any, Any]
    end: np.ndarray[Any, Any]


def read_overview(
    folder: Path, variable: str, *, max_points: int = 2000, begin_ns: int | None = None, end_ns: int | None = None
) -> xr.Dataset:
    """Min, max and mean of a variable along the rows, at the coarsest level that gives enough points.

    Parameters
    ----------
    folder
        Version folder.
    variable
        One of the dataset type's `overviews`.
    max_points
        At most so many points come back, and at least 1/16 of them where there are so many rows.
    begin_ns, end_ns
        Time range, UTC nanoseconds, half-open; everything by default. Cells at its edges come whole.

    Returns
    -------
    xr.Dataset
        `min`, `max` and `mean` with the dims of the variable, `count` of the values that each mean stands for, `time`
        (first of each point) and `time_end` (last of each); attribute `rows_per_point`. Rows must be nearly in time
        order for the range to be tight.

    Raises
    ------
    UnknownNameError
        When the variable has no overview.
    """
    declared = _declared(folder)
    if variable not in declared:
        raise UnknownNameError("variable with an overview", variable, declared)
    shape, dims, attrs = _shape(folder, variable)
    window = _descend(folder, shape, max_points, begin_ns, end_ns)
    cells = {s: _cells(folder, variable, s, window) for s in STATISTICS}
    step = max(1, -(-(window.last - window.first) // max_points))
    edges = np.arange(0, window.last - window.first, step)
    if not edges.size:
        step = 1
    reduced = {
        "min": _fold(np.fmin, cells["min"], edges),
        "max": _fold(np.fmax, cells["max"], edges),
        **_means(cells["mean"], edges, _counts(folder, variable, window, shape)),
    }
    coords = {
        "time": (dims[0], _fold(np.fmin, window.begin, edges).view("datetime64[ns]")),
        "time_end": (dims[0], _fold(np.fmax, window.end, edges).view("datetime64[ns]")),
    }
    return xr.Dataset(
        {k: (dims, v, attrs) for k, v in reduced.items()}, coords, {"rows_per_point": window.factor * step}
    )


def _descend(folder: Path, shape: tuple[int, ...], wanted: int, begin: int | None, end: int | None) -> _Window:
    """Go from the coarsest level to finer ones, each time keeping the cells in the range, until there are enough."""
    levels = _levels(folder)
    factor = levels[-1] if levels else 1
    window = _clip(folder, factor, (0, -(-shape[0] // factor)), begin, end)
    while window.factor > 1 and window.last - window.first < wanted:
        finer = window.factor // STEP if window.factor > BASE else 1
        ratio = window.factor // finer
        first, last = window.first * ratio, min(window.last * ratio, -(-shape[0] // finer))
        if finer == 1 and (last - first) * int(np.prod(shape[1:], dtype=np.int64)) * 8 > RAW_BYTES:
            break
        window = _clip(folder, finer, (first, last), begin, end)
    return window


def _clip(folder: Path, factor: int, cells: tuple[int, int], begin: int | None, end: int | None) -> _Window:
    first, last = cells
    window = _Window(factor, first, last, np.empty(0, np.int64), np.empty(0, np.int64))
    begins, ends = (_cells(folder, TIME, statistic, window) for statistic in ("min", "max"))
    inside = np.ones(len(begins), bool)
    if begin is not None:
        inside &= ends >= begin
    if end is not None:
        inside &= begins < end
    where = np.flatnonzero(inside)
    low, high = (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)
    return _Window(factor, first + low, first + high, begins[low:high], ends[low:high])


def _cells(folder: Path, variable: str, statistic: str, window: _Window) -> np.ndarray[Any, Any]:
    if window.factor == 1:
        values = read_rows(folder, [variable], window.first, window.last)[variable].values
        return values.view(np.int64) if values.dtype.kind == "M" else values
    array = open_array(folder / OVERVIEWS / variable / str(window.factor) / statistic, sparse=True)
    return np.asarray(array[window.first : window.last])


def _fold(function: np.ufunc, values: np.ndarray[Any, Any], edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return function.reduceat(values, edges, axis=0) if edges.size else values[:0]


def _counts(folder: Path, variable: str, window: _Window, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Rows that each cell's mean stands for; where they are all its rows the product's last cell may have fewer."""
    if (folder / OVERVIEWS / variable / str(window.factor) / COUNT).is_dir():
        return _cells(folder, variable, COUNT, window)
    rows = np.minimum(window.factor, shape[0] - np.arange(window.first, window.last) * window.factor)
    return rows.reshape(-1, *[1] * (len(shape) - 1))


def _means(
    values: np.ndarray[Any, Any], edges: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]
) -> dict[str, np.ndarray[Any, Any]]:
    """Means weighted by counts, and the counts; cells that are not-a-number do not count."""
    good = np.isfinite(values)
    weights = np.where(good, counts, 0)
    total = _fold(np.add, np.where(good, values, 0) * weights.astype(np.float64), edges)
    count = _fold(np.add, weights, edges)
    with np.errstate(invalid="ignore"):
        return {"mean": total / count, "count": count}


def _declared(folder: Path) -> list[str]:
    if not (folder / arrays.DATA).is_dir():
        return []
    return [n for n in arrays.head(folder)["hven_overviews"] if n in variable_names(folder)]


def _shape(folder: Path, variable: str) -> tuple[tuple[int, ...], list[str], dict[str, Any]]:
    array = open_array(folder / arrays.DATA / variable)
    dims = [str(d) for d in array.metadata.dimension_names or ()]  # type: ignore[union-attr]
    attrs = {k: v for k, v in array.attrs.items() if k != "calendar"}
    return array.shape, dims, attrs


def _levels(folder: Path) -> list[int]:
    base = folder / OVERVIEWS / TIME
    return sorted(int(p.name) for p in base.iterdir() if p.is_dir()) if base.is_dir() else []
