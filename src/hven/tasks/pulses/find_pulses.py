"""Optical pulses in one telescope's image stream."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.model import events
from hven.model import frames as v
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.sky.camera import Camera
from hven.tasks.frames.quadrants import Frames, whole_frames
from hven.tasks.pulses.boxcar import AFTER, HALO, LAST_LEVEL, Buffers, Candidates, Search, ordered, search

_SECOND = 1_000_000_000
_ROWS_AT_ONCE = 16384
_FACTOR = 16
"""Frames that are summed for long pulses."""
_OWN_LEVELS = LAST_LEVEL + 1
_LONG_LEVELS = 4
_OF_SUMS = _OWN_LEVELS - _LONG_LEVELS
"""Level of the sums that is the first beyond those of frames; its boxes again begin every quarter of their length."""
_KEPT = {"clock_status", "integration_time_s", "data_product", *(f.name for f in fields(Camera))}


class PulseConfig(Config):
    """What counts as a candidate."""

    threshold: Annotated[
        float, Field(ge=3, le=20, description="Significance from which a candidate is kept, in one telescope.")
    ] = 4.0
    relief: Annotated[
        float,
        Field(ge=0, le=1, description="Subtracted from the threshold for pulses of one frame."),
    ] = 0.5
    levels: Annotated[
        int, Field(ge=1, le=_OWN_LEVELS + _LONG_LEVELS, description="Pulse lengths searched: 1, 2, 4 ... frames.")
    ] = _OWN_LEVELS + _LONG_LEVELS
    gain: Annotated[float, Field(gt=0, description="Recorded value of one photon; sets the least noise.")] = 1.0


def run(inputs: Inputs, config: PulseConfig) -> Mapping[str, xr.Dataset]:
    """Find candidates that begin in the own rows.

    The search is described in `hven.tasks.pulses.boxcar`. Pulses of more than 32 frames are searched in sums of 16, on
    the same grid: a pulse of 64 frames is a box of four sums, which begins every 16 frames. Boxes with a frame in
    which the pixel's quabo is missing are neither candidates nor background. The first 32 pulse lengths of an
    observation have too little background.

    Returns
    -------
    Mapping
        ``pulses``, dim event, in order of frame, pixel and level. Attributes say where the camera stands and looks.
    """
    dataset = inputs["frames"]
    frames = whole_frames(dataset)
    own = range(*inputs.own.indices(len(frames.images)))
    origin = inputs.start - own.start
    own = range(own.start + origin, own.stop + origin)
    rows = min(len(frames.images), _ROWS_AT_ONCE + HALO + AFTER)
    shape = (rows, frames.images.shape[1] * frames.images.shape[2])
    buffers = (np.empty(shape, np.uint32), np.empty(shape, np.uint32))
    thresholds = (config.threshold - config.relief, *[config.threshold] * (config.levels - 1))
    how = Search(thresholds[:_OWN_LEVELS], config.gain)
    found = [_part(frames, origin, part, how, buffers) for part in _parts(own)]
    if config.levels > _OWN_LEVELS:
        how = Search((math.inf,) * _OF_SUMS + thresholds[_OWN_LEVELS:], config.gain)
        found += _long(frames, origin, own, how, buffers)
    joined = ordered(found)
    detector = int(inputs.data_id("frames")["detector"])
    return {"pulses": _table(joined, dataset, origin, frames.images.shape[2], detector)}


def _parts(own: range) -> list[range]:
    begins = range(own.start, own.stop, _ROWS_AT_ONCE) or range(own.start, own.start + 1)
    return [range(begin, min(begin + _ROWS_AT_ONCE, own.stop)) for begin in begins]


def _part(frames: Frames, origin: int, part: range, how: Search, buffers: Buffers) -> Candidates:
    rows = slice(max(0, part.start - origin - HALO), max(0, part.stop - origin + AFTER))
    return search(Frames(frames.images[rows], frames.valid[rows]), rows.start + origin, part, how, buffers)


def _long(frames: Frames, origin: int, own: range, how: Search, buffers: Buffers) -> list[Candidates]:
    """Pulses of more frames than the levels of frames hold, in sums on the grid of absolute frame numbers."""
    first = -(-origin // _FACTOR)
    rows = slice(first * _FACTOR - origin, None)
    sums = _summed(Frames(frames.images[rows], frames.valid[rows]))
    begins = range(-(-own.start // _FACTOR), -(-own.stop // _FACTOR))
    found = [_part(sums, first, part, how, buffers) for part in _parts(begins)]
    return [f._replace(frame=f.frame * _FACTOR, level=f.level + _LONG_LEVELS) for f in found]


def _summed(frames: Frames) -> Frames:
    number = len(frames.images) // _FACTOR
    images = np.zeros((number, *frames.images.shape[1:]), np.uint32)
    for frame in range(_FACTOR):
        images += frames.images[frame : number * _FACTOR : _FACTOR]
    return Frames(images, frames.valid[: number * _FACTOR].reshape(number, _FACTOR, frames.valid.shape[1]).all(1))


def _table(found: Candidates, dataset: xr.Dataset, origin: int, width: int, detector: int) -> xr.Dataset:
    times = dataset["time"].values
    row = found.frame - origin
    columns = {
        "frame": found.frame,
        "y": (found.pixel // width).astype(np.int16),
        "x": (found.pixel % width).astype(np.int16),
        "level": found.level.astype(np.int16),
        "amplitude": found.amplitude.astype(np.float32),
        "nsigma": found.nsigma.astype(np.float32),
        "duration": _duration(times, row, 2**found.level, dataset.attrs.get("integration_time_s")),
        "detector": np.full(len(row), detector, np.int32),
    }
    attrs = {k: v for k, v in dataset.attrs.items() if k in _KEPT} | {"camera_side": width}
    return xr.Dataset({k: ("event", c) for k, c in columns.items()}, {"time": ("event", times[row])}, attrs)


def _duration(
    times: NDArray[np.datetime64], row: NDArray[np.int64], length: NDArray[np.int64], step_s: float | None
) -> NDArray[np.float64]:
    """Length in seconds: of so many integrations where known, else from frame to frame."""
    if step_s:
        return np.asarray(length * step_s, np.float64)
    nanoseconds = times.astype("datetime64[ns]").astype(np.int64)
    begin = np.where(row + length < len(times), row, row - 1)
    return (nanoseconds[begin + length] - nanoseconds[begin]) / _SECOND if len(row) else np.zeros(0)


TASK = Task(
    name="pulses.find_pulses",
    version="4",
    doc="Pulses of 1 to 512 frames in each pixel over its own sliding background.",
    inputs=(Slot("frames", (v.TIME, v.IMAGES, v.QUABO_VALID), "Counted photons as recorded.", order="time"),),
    outputs=(Output("pulses", events.PULSES, "Candidates above a low threshold.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=PulseConfig,
    run=run,
    block=Block("time", length=131072, halo=HALO * _FACTOR),
    resources=Resources(memory_per_input_byte=4.0),
)
