"""Moments of the showers in calibrated pulse-height frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.model import events
from hven.model import frames as v
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.frames.quality import cell_of
from hven.tasks.showers.cleaning import clean
from hven.tasks.showers.moments import NAMES, measure

_IN_DEGREES = frozenset({"cog_x", "cog_y", "length", "width"})
_REFUSED = v.QUALITY_FLAGS["duplicate"] | v.QUALITY_FLAGS["hv_bad"]


class ShowerConfig(Config):
    """How images are cleaned."""

    pixel_deg: Annotated[float, Field(gt=0, description="Side of a pixel on the sky in degrees.")]
    picture: Annotated[float, Field(gt=0, description="Level of a shower's core, in standard deviations.")] = 5.0
    boundary: Annotated[float, Field(gt=0, description="Level of its border, in standard deviations.")] = 2.5
    min_pixels: Annotated[int, Field(ge=2, description="Images with fewer pixels are dropped.")] = 4


def run(inputs: Inputs, config: ShowerConfig) -> Mapping[str, xr.Dataset]:
    """Clean every frame and measure what is left.

    Masked pixels and missing quabos never count. Repeated frames and frames without high voltage are left out.

    Returns
    -------
    Mapping
        ``showers``, dim event, in order of frame; attribute `pixel_deg` tells the scale.
    """
    dataset = inputs["frames"]
    rows = range(*inputs.own.indices(dataset.sizes["time"]))
    times = dataset["time"].values.astype("datetime64[ns]").astype(np.int64)
    cell = cell_of(times, dataset["begin"].values.astype("datetime64[ns]").astype(np.int64))
    usable = (dataset["quality"].values & _REFUSED) == 0
    trusted = dataset["pixel_mask"].values == 0
    arrays = dataset["signal"].values, dataset["noise"].values, cell, usable, trusted
    counts = np.zeros(len(rows), np.int32)
    moments = np.zeros((len(rows), len(NAMES)))
    _measure_frames(arrays, (rows.start, config.picture, config.boundary, config.min_pixels), counts, moments)
    found = np.flatnonzero(counts)
    places = found + rows.start
    frame = inputs.in_dataset("frames", places)
    columns = {"frame": frame, "n_pixels": counts[found], **_scaled(moments[found], config.pixel_deg)}
    return {"showers": _table(dataset[["time"]].isel(time=places), inputs, config, columns)}


@numba.njit(cache=True, nogil=True)
def _measure_frames(arrays: Any, how: Any, counts: Any, moments: Any) -> None:
    signal, noise, cell, usable, trusted = arrays
    first, picture, boundary, least = how
    kept = np.zeros(signal.shape[1:], np.bool_)
    image = np.empty(signal.shape[1:], signal.dtype)
    for row in range(counts.size):
        if not usable[first + row]:
            continue
        for y in range(image.shape[0]):
            for x in range(image.shape[1]):
                image[y, x] = signal[first + row, y, x] if trusted[y, x] else np.nan
        count = clean(image, noise[cell[first + row]], picture, boundary, kept)
        if count >= least:
            counts[row] = count
            measure(image, kept, moments[row])


def _scaled(moments: NDArray[np.float64], pixel_deg: float) -> dict[str, Any]:
    return {n: m * pixel_deg if n in _IN_DEGREES else m for n, m in zip(NAMES, moments.T, strict=True)}


def _table(dataset: xr.Dataset, inputs: Inputs, config: ShowerConfig, columns: dict[str, Any]) -> xr.Dataset:
    columns["detector"] = np.full(dataset.sizes["time"], int(inputs.data_id("frames")["detector"]), np.int32)
    attrs = {"pixel_deg": config.pixel_deg, "clock_status": dataset.attrs.get("clock_status", "")}
    return xr.Dataset({k: ("event", c) for k, c in columns.items()}, {"time": ("event", dataset["time"].values)}, attrs)


TASK = Task(
    name="showers.clean_and_measure",
    version="1",
    doc="Two-level cleaning and Hillas moments of every frame.",
    inputs=(
        Slot("frames", (v.TIME, v.SIGNAL, v.QUALITY, v.BEGIN, v.NOISE, v.PIXEL_MASK), "Calibrated pulse heights."),
    ),
    outputs=(Output("showers", events.SHOWERS, "One row for each frame with a cleaned image.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=ShowerConfig,
    run=run,
    block=Block("time"),
    resources=Resources(memory_per_input_byte=1.5),
)
