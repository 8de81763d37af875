"""Metrics of the clocks that the telescopes follow: White Rabbit switch and GPS receiver, from their housekeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hven.model import housekeeping as hk
from hven.model.metric import Metric

if TYPE_CHECKING:
    import xarray as xr


def _good(clocks: xr.Dataset, name: str) -> NDArray[np.float64]:
    values = clocks[name].values
    return np.asarray(values[np.isfinite(values)], np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _largest(values: NDArray[np.float64]) -> float:
    return float(values.max()) if len(values) else float("nan")


def wr_locked(clocks: xr.Dataset) -> float:
    """Fraction of readings in which the White Rabbit switch followed its reference."""
    return _mean(_good(clocks, "pll_locked"))


def wr_lost_links(clocks: xr.Dataset) -> float:
    """Links of the White Rabbit switch that were up and went down: most minus fewest of all readings."""
    links = _good(clocks, "links_up")
    return float(np.ptp(links)) if len(links) else float("nan")


def gps_locked(clocks: xr.Dataset) -> float:
    """Fraction of readings in which the GPS receiver had fixes and steered its oscillator by them."""
    return _mean(_good(clocks, "gps_locked"))


def gps_holdover(clocks: xr.Dataset) -> float:
    """Longest time for which the GPS receiver's oscillator ran on its own, in seconds."""
    return _largest(_good(clocks, "gps_holdover"))


def gps_pps_offset(clocks: xr.Dataset) -> float:
    """Largest offset of the GPS receiver's second, to either side, in nanoseconds."""
    return _largest(np.abs(_good(clocks, "gps_pps_offset")))


def gps_clock_offset(clocks: xr.Dataset) -> float:
    """Largest relative offset of the GPS receiver's frequency, to either side, in parts of 1e9."""
    return _largest(np.abs(_good(clocks, "gps_clock_offset")))


METRICS = tuple(
    Metric(compute.__name__, unit, compute.__doc__ or "", "clocks", (hk.TIME, variable), "hour", compute)
    for compute, unit, variable in (
        (wr_locked, "1", hk.PLL_LOCKED),
        (wr_lost_links, "1", hk.LINKS_UP),
        (gps_locked, "1", hk.GPS_LOCKED),
        (gps_holdover, "s", hk.GPS_HOLDOVER),
        (gps_pps_offset, "ns", hk.GPS_PPS_OFFSET),
        (gps_clock_offset, "1e-9", hk.GPS_CLOCK_OFFSET),
    )
)
"""Metrics of the reference clocks."""
