"""Candidates as a table of pulses."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.sky.camera import Camera
from hven.tasks.pulses.boxcar import Candidates

_SECOND = 1_000_000_000
KEPT = {"clock_status", "integration_time_s", "data_product", "camera_side", *(f.name for f in fields(Camera))}
"""Attributes of the frames that their pulses keep."""


def pulse_table(found: Candidates, dataset: xr.Dataset, origin: int, width: int, detector: int) -> xr.Dataset:
    """One row for each candidate, dim event.

    Parameters
    ----------
    found
        Candidates; their frames count from the begin of the observation.
    dataset
        Times and attributes of the frames.
    origin
        Number of the first of them.
    width
        Pixels in a row of the camera, which is square.
    detector
        Whose they are.
    """
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
    attrs = {k: v for k, v in dataset.attrs.items() if k in KEPT} | {"camera_side": width}
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
