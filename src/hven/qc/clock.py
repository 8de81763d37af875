"""Metrics of the clocks, from the summary of their hours (`hven.qc.summary`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hven.model import frames as v
from hven.model.metric import Metric
from hven.qc.frames import clock_bad_frames

if TYPE_CHECKING:
    import xarray as xr

_MS = 1e6
_CENTRAL_95_PERCENT = (2.5, 97.5)
_SIGMAS_TO_EITHER_SIDE = 3.92


def host_lag(frames: xr.Dataset) -> float:
    """Median of host time minus time of the frame, in milliseconds; cannot be told of a clock that runs free."""
    if _free(frames):
        return float("nan")
    return float(np.median(frames["host_lag"].values) / _MS)


def host_lag_spread(frames: xr.Dataset) -> float:
    """Width of the central 95 % of host lags as a standard deviation, in milliseconds."""
    low, high = np.percentile(frames["host_lag"].values, _CENTRAL_95_PERCENT)
    return float((high - low) / _SIGMAS_TO_EITHER_SIDE / _MS)


def tai_offset(frames: xr.Dataset) -> float:
    """Most frequent offset of whole seconds from TAI; cannot be told of a clock that runs free."""
    if _free(frames):
        return float("nan")
    values, counts = np.unique(frames["tai_offset"].values, return_counts=True)
    return float(values[np.argmax(counts)])


def _free(frames: xr.Dataset) -> bool:
    return bool(frames.attrs.get("clock_status") == "unsynchronised")


def module_spread(frames: xr.Dataset) -> float:
    """95th percentile of the span of the quabos' time stamps in a frame, in nanoseconds."""
    values = frames["spread"].values
    values = values[np.isfinite(values)]
    return float(np.percentile(values, 95)) if len(values) else float("nan")


METRICS = (
    Metric("host_lag", "ms", host_lag.__doc__ or "", "frames", (v.TIME, v.HOST_LAG), "hour", host_lag),
    Metric(
        "host_lag_spread", "ms", host_lag_spread.__doc__ or "", "frames", (v.TIME, v.HOST_LAG), "hour", host_lag_spread
    ),
    Metric("tai_offset", "s", tai_offset.__doc__ or "", "frames", (v.TIME, v.TAI_OFFSET), "hour", tai_offset),
    Metric(
        "clock_bad_frames", "1", clock_bad_frames.__doc__ or "", "frames", (v.TIME, v.QUALITY), "hour", clock_bad_frames
    ),
    Metric("module_spread", "ns", module_spread.__doc__ or "", "frames", (v.TIME, v.SPREAD), "hour", module_spread),
)
"""Metrics of the clocks."""
