"""Pedestal and noise of each pixel, in cells of a time grid anchored to absolute time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.clock import NS
from hven.model import frames as v
from hven.model.fringes import KIND
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.frames.quadrants import Frames, frames_of
from hven.tasks.frames.statistics import CLIPPED, measure
from hven.tasks.frames.unlit import unlit

BINS = 10
"""Parts of a cell in which the frame rate is counted."""


class PedestalConfig(Config):
    """How pedestals are measured."""

    cell_s: Annotated[int, Field(gt=0, description="Length of a cell in seconds, on a grid anchored at 1970.")] = 60
    clip: Annotated[float, Field(ge=2, le=10, description="Clipping limit in standard deviations.")] = 5.0
    guard: Annotated[
        int, Field(ge=0, le=10, description="Pixels around one that stands out which do not count in that frame.")
    ] = 0
    saturation: Annotated[
        int | None, Field(description="Value from which a pixel counts as saturated; empty: the largest of its type.")
    ] = None
    kind: Annotated[
        int | None, Field(description="Only images that show this (their variable `kind`); empty: all images.")
    ] = None


def run(inputs: Inputs, config: PedestalConfig) -> Mapping[str, xr.Dataset]:
    """Measure every cell that holds frames.

    A pixel's pedestal is the mean, its noise the standard deviation of the values that clipping leaves, corrected for
    what it cuts; see `hven.tasks.frames.statistics`. With a guard, pixels near another one that stands out do not count
    in that frame, so that the rims of showers do not shift the pedestal; the block statistics are of all values.
    Quadrants without a packet do not count. Frames of one quadrant are placed into the whole module. Images that say
    nothing of quadrants may have any size.

    Returns
    -------
    Mapping
        ``pedestals`` with dims (cell, y, x), in the units of the images.

    Raises
    ------
    SchemaError
        When the images do not fit.
    """
    dataset = inputs["frames"].isel(time=inputs.own)
    if config.kind is not None:
        dataset = dataset.isel(time=np.flatnonzero(dataset["kind"].values == config.kind))
    frames = frames_of(dataset)
    times = dataset["time"].values.astype("datetime64[ns]").astype(np.int64)
    parts = [
        _measure(Frames(*(a[rows] for a in frames)), times[rows], cell, config)
        for cell, rows in _cells(times, config.cell_s)
    ]
    if not parts:
        parts = [_measure(frames, times, 0, config).isel(cell=slice(0, 0))]
    return {"pedestals": xr.concat(parts, "cell")}


def _cells(times: NDArray[np.int64], cell_s: int) -> Iterator[tuple[int, slice]]:
    cell = times // (cell_s * NS)
    edges = np.flatnonzero(np.diff(cell)) + 1
    bounds = [0, *edges.tolist(), len(times)] if len(times) else []
    for begin, end in itertools.pairwise(bounds):
        yield int(cell[begin]), slice(begin, end)


def _measure(frames: Frames, times: NDArray[np.int64], cell: int, config: PedestalConfig) -> xr.Dataset:
    limit = np.iinfo(frames.images.dtype).max if config.saturation is None else config.saturation
    found = measure(frames, clip=config.clip, saturation=int(limit))
    if config.guard:
        dark = unlit(frames, found["pedestal"] + config.clip * found["noise"], config.guard)
        place = np.arange(dark.shape[1]).reshape(frames.images.shape[1:])
        apart = measure(Frames(frames.images, dark), clip=config.clip, saturation=int(limit), place=place)
        found |= {name: apart[name] for name in CLIPPED}
    maps = {**{name: found[name] for name in CLIPPED}, **_block_statistics(found)}
    length = config.cell_s * NS
    counts = np.bincount((times - cell * length) * BINS // length, minlength=BINS)
    edges = np.array([cell * length, (cell + 1) * length]).astype("datetime64[ns]")
    variables = {name: (("cell", "y", "x"), values[None].astype(_dtype(name))) for name, values in maps.items()}
    return xr.Dataset(
        {
            **variables,
            "frames": ("cell", np.array([len(times)], np.int64)),
            "rate": (("cell", "bin"), (counts * (BINS / config.cell_s)).astype(np.float32)[None]),
        },
        coords={"begin": ("cell", edges[:1]), "end": ("cell", edges[1:])},
    )


def _dtype(name: str) -> str:
    """Type on disk of one of the pedestals' variables."""
    return next(variable.dtype for variable in v.PEDESTAL_VARIABLES if variable.name == name)


def _block_statistics(found: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    empty = found["used"] == 0
    count = np.where(empty, np.nan, found["used"])
    mean = found["total"] / count
    variance = np.maximum(found["squares"] / count - mean**2, 0.0) * count / np.maximum(count - 1, 1)
    return {
        "mean": mean,
        "deviation": np.sqrt(variance),
        "skew": found["skew"],
        "excess_variance": np.divide(variance, mean, out=np.full_like(mean, np.nan), where=mean > 0),
        "minimum": np.where(empty, np.nan, found["minimum"]),
        "maximum": np.where(empty, np.nan, found["maximum"]),
        "saturated_fraction": found["saturated"] / count,
    }


TASK = Task(
    name="frames.measure_pedestals",
    version="3",
    doc="Pedestal, noise and block statistics of each pixel by clipped mean and deviation in fixed time cells.",
    inputs=(
        Slot(
            "frames",
            (v.TIME, v.IMAGES, v.QUABO_VALID, v.QUABO, replace(KIND, optional=True)),
            "Frames as recorded.",
            order="time",
        ),
    ),
    outputs=(Output("pedestals", v.PEDESTAL_VARIABLES, "One map of each statistic per cell.", dim="cell"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=PedestalConfig,
    run=run,
    block=Block("time", every_s="cell_s"),
    resources=Resources(memory_per_input_byte=2.5),
)
