"""Numbers drawn from series in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

_HOUR_NS = 3600e9
_LEAST_FOR_A_SLOPE = 3


def nanoseconds(times: xr.DataArray) -> NDArray[np.int64]:
    """UTC nanoseconds since 1970."""
    return np.asarray(times.values.astype("datetime64[ns]").astype(np.int64))


def slope_per_hour(times_ns: NDArray[Any], values: NDArray[Any]) -> float:
    """Slope of the straight line of least squares, per hour; NaN with fewer than three values.

    Examples
    --------
    >>> round(slope_per_hour(np.array([0, 1800e9, 3600e9]), np.array([1.0, 2.0, 3.0])), 6)
    2.0
    """
    good = np.isfinite(values)
    if good.sum() < _LEAST_FOR_A_SLOPE or np.ptp(times_ns[good]) == 0:
        return float("nan")
    hours = (times_ns[good] - times_ns[good][0]) / _HOUR_NS
    hours -= hours.mean()
    return float((hours * values[good]).sum() / (hours**2).sum())
