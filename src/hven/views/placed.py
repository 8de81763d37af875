"""Frames that hold one quadrant of a camera each, placed into the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.model.product import Product
from hven.observatory import Observatory
from hven.tasks.frames.quadrants import QUADRANTS, place_map, quadrant_map, whole_frames

STATISTICS = ("mean", "min", "max")
LEAST = 16
"""A point stands for so many frames at least, so that each quadrant is likely to be among them."""
STRETCH = 4096
"""Frames that are stored, and read, together."""
MOST = 32 * STRETCH
"""Of more frames evenly spread stretches are read."""


def single(dataset: xr.Dataset) -> bool:
    """Whether each raw frame holds one quadrant."""
    return "images" in dataset and "quabo" in dataset and dataset["quabo"].dims == ("time",)


def place(dataset: xr.Dataset) -> xr.DataArray:
    """Images (time, y, x) of the whole camera; NaN where the other quadrants are."""
    images, whole = dataset["images"], whole_frames(dataset)
    values = np.where(whole.valid[:, place_map(whole)], whole.images, np.float32(np.nan))
    return xr.DataArray(values, {"time": dataset["time"]}, ("time", "y", "x"), "images", images.attrs)


def look(
    observatory: Observatory,
    product: Product,
    *,
    cells: int = 800,
    begin_ns: int | None = None,
    end_ns: int | None = None,
) -> xr.Dataset:
    """Min, max and mean of each pixel of the whole camera, as `Observatory.overview` gives them of whole frames.

    Parameters
    ----------
    observatory, product
        Raw frames of one quadrant each.
    cells
        About so many points in time.
    begin_ns, end_ns
        Time range, UTC nanoseconds, half-open; everything by default.

    Returns
    -------
    xr.Dataset
        `mean, min, max` (time, y, x), NaN where a quadrant has no frame; `count` tells how many it has; `time` and
        `time_end`. Attributes `rows_per_point`, `rows`, and `rows_read`, which are less where there are too many.
    """
    dataset = observatory.open_product(product, chunks=None)[["images", "quabo"]]
    first, last = _within(dataset["time"].values.astype(np.int64), begin_ns, end_ns)
    stretches = _stretches(first, last)
    read = sum(stop - start for start, stop in stretches)
    step = max(LEAST, -(-read // cells))
    found = [p for start, stop in stretches for p in _points(dataset.isel(time=slice(start, stop)).load(), step)]
    told = {"rows_per_point": step, "rows": last - first, "rows_read": read}
    joined = _joined(found, dataset["images"]) if found else xr.Dataset(coords={"time": dataset["time"][:0]})
    return joined.assign_attrs(told)


def overall(seen: xr.Dataset, statistic: str) -> xr.DataArray:
    """Map (y, x) of a statistic of all the frames that a look has seen."""
    if statistic == "mean":
        return seen["mean"].weighted(seen["count"]).mean("time", keep_attrs=True)
    return getattr(seen[statistic], statistic)("time")  # type: ignore[no-any-return]


def _within(times: NDArray[np.int64], begin_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    inside = np.ones(len(times), bool)
    if begin_ns is not None:
        inside &= times >= begin_ns
    if end_ns is not None:
        inside &= times < end_ns
    where = np.flatnonzero(inside)
    return (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)


def _stretches(first: int, last: int) -> list[tuple[int, int]]:
    if last - first <= MOST:
        return [(first, last)] if last > first else []
    starts = np.arange(first - first % STRETCH, last, STRETCH)
    chosen = starts[np.linspace(0, len(starts) - 1, MOST // STRETCH).astype(int)]
    return [(max(int(start), first), min(int(start) + STRETCH, last)) for start in chosen]


def _points(part: xr.Dataset, step: int) -> Iterator[tuple[Any, ...]]:
    """Of each point: first and last time, and of each quadrant frames, mean, min and max."""
    images, quabo, times = (part[name].values for name in ("images", "quabo", "time"))
    for start in range(0, len(times), step):
        here = slice(start, start + step)
        yield times[here].min(), times[here].max(), *_of_quadrants(images[here], quabo[here])


def _of_quadrants(images: NDArray[Any], quabo: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    found = np.full((len(STATISTICS), QUADRANTS, *images.shape[1:]), np.nan, np.float32)
    for number in range(QUADRANTS):
        if len(mine := images[quabo == number]):
            found[:, number] = mine.mean(0, dtype=np.float32), mine.min(0), mine.max(0)
    return np.bincount(quabo, minlength=QUADRANTS)[:QUADRANTS], *found


def _joined(found: list[tuple[Any, ...]], images: xr.DataArray) -> xr.Dataset:
    half = images.shape[1]
    quadrant = quadrant_map(2 * half)
    y, x = np.indices(quadrant.shape) % half
    begin, end, counts, *values = (np.array(column) for column in zip(*found, strict=True))
    dims = ("time", "y", "x")
    variables = {name: (dims, v[:, quadrant, y, x], images.attrs) for name, v in zip(STATISTICS, values, strict=True)}
    return xr.Dataset({**variables, "count": (dims, counts[:, quadrant])}, {"time": begin, "time_end": ("time", end)})
