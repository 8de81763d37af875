"""Whether the shutter's state and the light on the camera change together.

What the boards call 0 and 1 differs with their firmware, so the state itself tells nothing; its changes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hven.model import frames as v
from hven.model import housekeeping as hk
from hven.model.metric import Metric
from hven.qc.detector import camera_median, counted
from hven.qc.series import nanoseconds

if TYPE_CHECKING:
    import xarray as xr

_OPENED = 2.0
"""Least ratio of the light with the shutter open to that with it closed."""
_LIT = 10.0
"""Ratio by which clouds, stars and twilight do not change the light from one cell to the next."""
_LEAST_LIGHT = 0.01
_LEAST_CELLS = 2


def with_shutter(pedestals: xr.Dataset, records: xr.Dataset) -> xr.Dataset:
    """Pedestals with the mean shutter state `shutter` of each cell, NaN where no board was read in it."""
    times = nanoseconds(records["time"])
    states = records["shutter"].values.astype(np.float64)
    known = np.isfinite(states)
    times, states = times[known], states[known]
    edges = zip(nanoseconds(pedestals["begin"]), nanoseconds(pedestals["end"]), strict=True)
    inside = [states[(times >= begin) & (times < end)] for begin, end in edges]
    return pedestals.assign(shutter=("cell", np.array([s.mean() if len(s) else np.nan for s in inside], np.float64)))


def shutter_conflicts(pedestals: xr.Dataset) -> float:
    """Times the shutter moved and the light did not change twofold, or the light tenfold and the shutter not."""
    light, state = camera_median(pedestals, "pedestal"), pedestals["shutter"].values
    told = np.isfinite(light) & np.isin(state, (0.0, 1.0))
    if not counted(pedestals) or np.count_nonzero(told) < _LEAST_CELLS:
        return float("nan")
    moved = np.diff(state[told]) != 0
    ratio = _steps(light[told])
    return float(np.count_nonzero(np.where(moved, ratio < _OPENED, ratio > _LIT)))


def _steps(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratio of the light in consecutive cells, the larger over the smaller."""
    return np.exp(np.abs(np.diff(np.log(np.maximum(light, _LEAST_LIGHT)))))


METRICS = (
    Metric(
        "shutter_conflicts",
        "1",
        shutter_conflicts.__doc__ or "",
        "pedestals",
        (v.BEGIN, v.PEDESTAL, hk.SHUTTER),
        "hour",
        shutter_conflicts,
    ),
)
"""Metrics of the shutter."""
