"""Optical pulses in one telescope's image stream."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import xarray as xr
from pydantic import Field

from hven.model import events
from hven.model import frames as v
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.frames.quadrants import Frames, whole_frames
from hven.tasks.pulses.boxcar import AFTER, HALO, LAST_LEVEL, Buffers, Candidates, Search, ordered, search
from hven.tasks.pulses.live import Sums, scaled, summed, summed_again, weighted
from hven.tasks.pulses.table import KEPT, pulse_table

_ROWS_AT_ONCE = 16384
_FACTOR = 16
"""Frames that are summed for long pulses."""
_OWN_LEVELS = 6
_LONG_LEVELS = 4
_OF_SUMS = _OWN_LEVELS - _LONG_LEVELS
"""Level of the sums that is the first beyond those of frames; its boxes again begin every quarter of their length."""
_LEVELS = _LONG_LEVELS + LAST_LEVEL + 1
FRAMES_OF_SUM = 1024
"""Frames in each of the sums that are kept for still longer pulses."""


class PulseConfig(Config):
    """What counts as a candidate."""

    threshold: Annotated[
        float, Field(ge=3, le=20, description="Significance from which a candidate is kept, in one telescope.")
    ] = 4.0
    relief: Annotated[
        float,
        Field(ge=0, le=1, description="Subtracted from the threshold for pulses of one frame."),
    ] = 0.5
    levels: Annotated[int, Field(ge=1, le=_LEVELS, description="Pulse lengths searched: 1, 2, 4 ... frames.")] = _LEVELS
    gain: Annotated[float, Field(gt=0, description="Recorded value of one photon; sets the least noise.")] = 1.0


def run(inputs: Inputs, config: PulseConfig) -> Mapping[str, xr.Dataset]:
    """Find candidates that begin in the own rows, and sum the frames for those longer than 1024 frames.

    The search is described in `hven.tasks.pulses.boxcar`. Pulses of more than 32 frames are searched in sums of 16, on
    the same grid: a pulse of 64 frames is a box of four sums, which begins every 16 frames. Boxes of up to 32 frames
    with one in which the pixel's quabo is missing are neither candidates nor background; sums are scaled to full live
    time, and left out only where it is missing in more than half of their frames (`hven.tasks.pulses.live`). The first
    32 pulse lengths of an observation have too little background.

    Returns
    -------
    Mapping
        ``pulses``, dim event, in order of frame, pixel and level; attributes say where the camera stands and looks.
        ``sums`` of 1024 frames each, dims (cell, y, x), for `hven.tasks.pulses.find_long_pulses`; the last frames that
        fill no sum are left out.
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
    first = -(-origin // _FACTOR)
    aligned = slice(first * _FACTOR - origin, None)
    sums = summed(Frames(frames.images[aligned], frames.valid[aligned]), _FACTOR)
    if config.levels > _OWN_LEVELS:
        how = Search((math.inf,) * _OF_SUMS + thresholds[_OWN_LEVELS:], config.gain)
        found += _long(scaled(sums), first, own, how, buffers)
    detector = int(inputs.data_id("frames")["detector"])
    pulses = pulse_table(ordered(found), dataset, origin, frames.images.shape[2], detector)
    row = inputs.in_dataset("frames", pulses["frame"].values - origin)
    return {"pulses": pulses.assign(frame=("event", row)), "sums": _kept(sums, first, own, inputs, origin)}


def _parts(own: range) -> list[range]:
    begins = range(own.start, own.stop, _ROWS_AT_ONCE) or range(own.start, own.start + 1)
    return [range(begin, min(begin + _ROWS_AT_ONCE, own.stop)) for begin in begins]


def _part(frames: Frames, origin: int, part: range, how: Search, buffers: Buffers) -> Candidates:
    rows = slice(max(0, part.start - origin - HALO), max(0, part.stop - origin + AFTER))
    return search(Frames(frames.images[rows], frames.valid[rows]), rows.start + origin, part, how, buffers)


def _long(sums: Sums, first: int, own: range, how: Search, buffers: Buffers) -> list[Candidates]:
    """Pulses of more frames than the levels of frames hold, in sums on the grid of absolute frame numbers."""
    begins = range(-(-own.start // _FACTOR), -(-own.stop // _FACTOR))
    frames, least = Frames(sums.images, sums.valid), min(how.thresholds)
    found = [weighted(_part(frames, first, part, how, buffers), sums, first, least) for part in _parts(begins)]
    return [f._replace(frame=f.frame * _FACTOR, level=f.level + _LONG_LEVELS) for f in found]


def _kept(sums: Sums, first: int, own: range, inputs: Inputs, origin: int) -> xr.Dataset:
    """Sums that begin in the own rows."""
    dataset = inputs["frames"]
    factor = FRAMES_OF_SUM // _FACTOR
    begins = range(-(-own.start // FRAMES_OF_SUM), -(-own.stop // FRAMES_OF_SUM))
    rows = slice(max(0, begins.start * factor - first), max(0, begins.stop * factor - first))
    kept = scaled(summed_again(Sums(sums.images[rows], sums.live[rows], sums.frames), factor))
    place = (begins.start + np.arange(len(kept.images))) * FRAMES_OF_SUM - origin
    numbered = {"first": ("cell", inputs.in_dataset("frames", place))} if "frames" in inputs.numbers else {}
    attrs = {k: v for k, v in dataset.attrs.items() if k in KEPT}
    return xr.Dataset(
        {
            "sums": (("cell", "y", "x"), kept.images),
            "live": (("cell", "quabo"), kept.live),
            "summed": (("cell", "quabo"), kept.valid),
            **numbered,
        },
        {"begin": ("cell", dataset["time"].values[place])},
        attrs | {"frames_of_sum": FRAMES_OF_SUM},
    )


TASK = Task(
    name="pulses.find_pulses",
    version="5",
    doc="Pulses of 1 to 1024 frames in each pixel over its own sliding background.",
    inputs=(Slot("frames", (v.TIME, v.IMAGES, v.QUABO_VALID), "Counted photons as recorded.", order="time"),),
    outputs=(
        Output("pulses", events.PULSES, "Candidates above a low threshold.", dim="event"),
        Output("sums", (v.BEGIN, v.SUMS, v.LIVE, v.SUMMED, v.FIRST), "Sums of frames for longer pulses.", dim="cell"),
    ),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=PulseConfig,
    run=run,
    block=Block("time", length=131072, halo=HALO * _FACTOR),
    resources=Resources(memory_per_input_byte=4.0),
)
