"""Optical pulses of 2048 to 32,768 frames, in sums of frames."""

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
from hven.tasks.frames.quadrants import Frames
from hven.tasks.pulses.boxcar import HALO, Search, search
from hven.tasks.pulses.live import Sums, weighted
from hven.tasks.pulses.table import pulse_table

_LEVELS = 5
"""Pulses of 2 to 32 sums."""


class LongPulseConfig(Config):
    """What counts as a candidate."""

    threshold: Annotated[
        float, Field(ge=3, le=20, description="Significance from which a candidate is kept, in one telescope.")
    ] = 4.0
    gain: Annotated[float, Field(gt=0, description="Recorded value of one photon; sets the least noise.")] = 1.0


def run(inputs: Inputs, config: LongPulseConfig) -> Mapping[str, xr.Dataset]:
    """Find candidates that begin in the own sums, as `hven.tasks.pulses.boxcar` describes.

    Boxes are 2, 4 ... 32 sums long and begin every quarter of that, those of 2 every half. A box with a sum of which
    the pixel's quabo misses more than half of the frames is neither candidate nor background; others lose significance
    as their live time says (`hven.tasks.pulses.live`). A pulse needs 32 of its lengths before it.

    Returns
    -------
    Mapping
        ``pulses``, dim event, in order of frame, pixel and level; frame and level are of single frames.
    """
    dataset = inputs["sums"]
    factor = int(dataset.attrs["frames_of_sum"])
    sums = Sums(np.ascontiguousarray(dataset["sums"].values), np.ascontiguousarray(dataset["live"].values), factor)
    first = inputs.start - inputs.own.indices(len(sums.images))[0]
    own = range(inputs.start, inputs.start + len(range(*inputs.own.indices(len(sums.images)))))
    pixels = sums.images.shape[1] * sums.images.shape[2]
    buffers = (np.empty((len(sums.images), pixels), np.uint32), np.empty((len(sums.images), pixels), np.uint32))
    how = Search((math.inf, *[config.threshold] * _LEVELS), config.gain, np.int64)
    found = search(Frames(sums.images, sums.valid), first, own, how, buffers)
    found = weighted(found, sums, first, config.threshold)
    step_s = dataset.attrs.get("integration_time_s")
    times = xr.Dataset(
        coords={"time": ("time", dataset["begin"].values)},
        attrs=dataset.attrs | ({"integration_time_s": step_s * factor} if step_s else {}),
    )
    table = pulse_table(found, times, first, sums.images.shape[2], int(inputs.data_id("sums")["detector"]))
    more = np.int16(round(math.log2(factor)))
    frame = dataset["first"].values[table["frame"].values - first] if "first" in dataset else table["frame"] * factor
    table = table.assign(frame=("event", np.asarray(frame)), level=table["level"] + more)
    return {"pulses": table.assign_attrs({"integration_time_s": step_s} if step_s else {})}


TASK = Task(
    name="pulses.find_long_pulses",
    version="2",
    doc="Pulses of 2048 to 32,768 frames in each pixel over its own sliding background.",
    inputs=(Slot("sums", (v.BEGIN, v.SUMS, v.LIVE, v.FIRST), "Sums of frames."),),
    outputs=(Output("pulses", events.PULSES, "Candidates above a low threshold.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=LongPulseConfig,
    run=run,
    block=Block("cell", length=16384, halo=HALO),
    resources=Resources(memory_per_input_byte=4.0),
)
