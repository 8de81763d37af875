"""Spectrum of the sizes of events: how many are how bright."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hven.tasks.frames.quadrants import QUADRANTS, quadrant_map

PER_DECADE = 8
"""Bins of a factor of ten in size."""


def camera_sums(frames: xr.Dataset) -> NDArray[np.float64]:
    """Sum of the signal over the unmasked pixels that each calibrated frame has: its mean times their number."""
    good = frames["pixel_mask"].to_numpy() == 0
    mean = frames["frame_mean"].to_numpy().astype(np.float64)
    if "quabo_valid" not in frames:
        return mean * np.float64(good.sum())
    of_quadrant = np.bincount(quadrant_map(len(good))[good], minlength=QUADRANTS)
    return mean * (frames["quabo_valid"].to_numpy() @ of_quadrant)


def counted(sizes: ArrayLike) -> pd.DataFrame:
    """Count sizes in bins of equal ratio, whose edges are powers of 10 to 1/8.

    Returns
    -------
    pd.DataFrame
        `low, high` of the bins that hold any; `events` in them; `density` in events per decade of size with its
        Poisson `error`; `above`, events of size `low` or more. Attribute `left_out` counts sizes that are not positive.

    Examples
    --------
    >>> counted([1.0, 1.1, 2.0, -3.0])[["events", "density", "above"]].to_dict("list")
    {'events': [2, 1], 'density': [16.0, 8.0], 'above': [3, 1]}
    """
    every = np.asarray(sizes, dtype=np.float64)
    positive = every[every > 0]
    steps, events = np.unique(np.floor(PER_DECADE * np.log10(positive)), return_counts=True)
    table = pd.DataFrame({"low": 10 ** (steps / PER_DECADE), "high": 10 ** ((steps + 1) / PER_DECADE),
                          "events": events, "density": PER_DECADE * events.astype(float),
                          "error": PER_DECADE * np.sqrt(events), "above": events[::-1].cumsum()[::-1]})  # fmt: skip
    table.attrs["left_out"] = len(every) - len(positive)
    return table
