"""Power spectral density of frames that were taken at a steady rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hven.views import placed

LEAST = 256
"""Fewer evenly spaced frames make no spectrum."""
_LONGEST_SEGMENT = 8192
_SEGMENTS = 4
_NEIGHBOURS = 15
_FALSE_ALARMS = 1e-3
_NS = 1e9


def camera_mean(raw: xr.Dataset) -> xr.DataArray:
    """Mean of each raw frame over the pixels that are there, each less its own mean over all frames."""
    images = placed.place(raw)
    return (images - images.mean("time")).mean(("y", "x")).assign_attrs(images.attrs)


def longest_run(series: xr.DataArray) -> xr.DataArray:
    """Longest part of a series in time order whose steps are even: none is off the usual one by more than half of it.

    A value that is not finite ends a run, as a lost frame does.

    Examples
    --------
    >>> times = np.array([0, 1, 2, 5, 6, 7, 8, 9], "M8[s]").astype("M8[ns]")
    >>> longest_run(xr.DataArray(np.arange(8.0), {"time": times}, "time")).to_numpy()
    array([3., 4., 5., 6., 7.])
    """
    ordered = series.sortby("time")
    steps = np.diff(ordered["time"].to_numpy()).astype(np.float64)
    usual = np.median(steps) if steps.size else 0.0
    finite = np.isfinite(ordered.to_numpy())
    even = (np.abs(steps - usual) <= usual / 2) & finite[1:] & finite[:-1] & (usual > 0)
    edges = np.flatnonzero(np.diff(np.r_[False, even, False].astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    if not begins.size:
        return ordered[:0]
    longest = int(np.argmax(ends - begins))
    return ordered[begins[longest] : ends[longest] + 1]


def power_density(series: xr.DataArray) -> pd.DataFrame:
    """Power spectral density of the longest evenly spaced run of a series, by Welch's method.

    Segments of a power of two, at most a quarter of the run, overlap by half, lose their mean and have a Hann window.

    Parameters
    ----------
    series
        Values along `time`.

    Returns
    -------
    pd.DataFrame
        `frequency` in Hz without 0, and one-sided `density` in the series' unit squared per Hz: its integral over all
        frequencies is the variance. Attributes `frames` and `seconds` of the run, and `frames_of_segment`. Without rows
        where the run has fewer than `LEAST` frames.

    References
    ----------
    Welch (1967), IEEE Trans. Audio Electroacoust. 15, 70.
    """
    from scipy import signal  # which takes a while to load

    run = longest_run(series)
    frames = run.size
    seconds = float((run["time"].to_numpy()[-1] - run["time"].to_numpy()[0]).astype(np.int64)) / _NS if frames else 0.0
    if frames < LEAST:
        return _table(np.empty(0), np.empty(0), frames=frames, seconds=seconds, frames_of_segment=0)
    length = min(_LONGEST_SEGMENT, 1 << int(math.log2(frames / _SEGMENTS)))
    rate = (frames - 1) / seconds
    frequency, density = signal.welch(run.to_numpy().astype(np.float64), rate, nperseg=length)
    return _table(frequency[1:], density[1:], frames=frames, seconds=seconds, frames_of_segment=length)


def strongest_line(density: pd.DataFrame) -> tuple[float, float] | None:
    """Frequency and density of the strongest line, or None where none is above chance.

    The continuum at a frequency is the median of its 31 neighbours, itself among them; frequencies nearer than that to
    either end are not judged. A spectrum without lines has one in 1000 times.
    """
    values = density["density"].to_numpy()
    width = 2 * _NEIGHBOURS + 1
    if len(values) < 2 * width:
        return None
    continuum = np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)
    ratio = values[_NEIGHBOURS:-_NEIGHBOURS] / np.where(continuum > 0, continuum, np.inf)
    averages = density.attrs["frames"] // density.attrs["frames_of_segment"]
    best = int(np.argmax(ratio))
    if ratio[best] < _limit(averages, len(ratio)):
        return None
    row = density.iloc[best + _NEIGHBOURS]
    return float(row["frequency"]), float(row["density"])


def _limit(averages: int, tried: int) -> float:
    """Mean of so many exponential variates, over its median, that one of those tried exceeds with `_FALSE_ALARMS`."""
    return _quantile(averages, _FALSE_ALARMS / tried) / _quantile(averages, 0.5)


def _quantile(averages: int, tail: float) -> float:
    """Value that the sum of so many exponential variates exceeds with a probability."""
    from scipy.special import gammainccinv

    return float(gammainccinv(averages, tail))


def _table(frequency: NDArray[np.float64], density: NDArray[np.float64], **told: Any) -> pd.DataFrame:
    table = pd.DataFrame({"frequency": frequency, "density": density})
    table.attrs.update(told)
    return table
