"""From samples to exposures: functions of a series over half-open intervals, with what they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from hven.core.clock import NS
from hven.model.telemetry import PICKS, Function

Array = np.ndarray[Any, Any]
_STATISTICS = (Function.MEAN, Function.MIN, Function.MAX, Function.STD, Function.SLOPE)


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of one series in each exposure.

    Parameters
    ----------
    times
        UTC nanoseconds of all samples, in order.
    begins, ends
        Of the exposures, half-open: a sample at `begin` counts, one at `end` does not.
    """

    times: Array
    begins: Array
    ends: Array

    @property
    def first(self) -> Array:
        """Number of the first sample in each exposure."""
        return np.searchsorted(self.times, self.begins, "left")

    @property
    def stop(self) -> Array:
        """Number of the first sample after each exposure."""
        return np.maximum(np.searchsorted(self.times, self.ends, "left"), self.first)

    def gaps(self, longest_s: float) -> Array:
        """How often no sample comes for longer than that, from begin to end."""
        longest = min(longest_s * NS, 2.0**62)
        found: Array = _gaps(self.times, self.first, self.stop, self.begins, self.ends, longest)
        return found


@dataclass(frozen=True, slots=True)
class Reduced:
    """A function of a series in each exposure.

    Parameters
    ----------
    numbers
        Not-a-number (or empty text) where no sample can say.
    samples
        How many were used.
    nan
        How many in the exposure were not-a-number.
    age_s
        Of the sample that was taken, before the middle of the exposure; only of `middle`.
    """

    numbers: Array
    samples: Array
    nan: Array
    age_s: Array | None = None


def reduce(function: Function, windows: Windows, values: Array, *, staleness_s: float = np.inf) -> Reduced:
    """Evaluate a function of a series for each exposure.

    Samples that are not-a-number are left out and counted. `std` is not-a-number for fewer than two samples, `slope`
    (units per second) for samples of fewer than two times. `middle` is the last sample at or before the middle of the
    exposure that is at most `staleness_s` old, also one from before the exposure.

    Examples
    --------
    >>> seconds = np.arange(10) * NS
    >>> windows = Windows(seconds, np.array([2 * NS]), np.array([5 * NS]))
    >>> found = reduce(Function.MEAN, windows, np.arange(10.0))
    >>> found.numbers, found.samples
    (array([3.]), array([3]))
    """
    good = _good(values)
    count = np.concatenate([[0], np.cumsum(good)])
    used = count[windows.stop] - count[windows.first]
    nan = windows.stop - windows.first - used
    if function in PICKS:
        where = np.flatnonzero(good)
        place, age = _place(function, windows, where)
        there = (used > 0) if age is None else (age <= staleness_s)
        aged = None if age is None else np.where(there, age, np.nan)
        return Reduced(_taken(values, where, place, there), there.astype(np.int64), nan, aged)
    numbers = np.ascontiguousarray(values, np.float64)
    found = _statistics(windows.times, numbers, windows.first, windows.stop)
    return Reduced(found[_STATISTICS.index(function)], used, nan)


def _place(function: Function, windows: Windows, where: Array) -> tuple[Array, Array | None]:
    """Which of the good samples is picked in each exposure, and of `middle` how old it is in seconds."""
    if function is Function.FIRST:
        return np.searchsorted(where, windows.first), None
    if function is Function.LAST:
        return np.searchsorted(where, windows.stop) - 1, None
    middle = windows.begins + (windows.ends - windows.begins) // 2
    place = np.searchsorted(windows.times[where], middle, "right") - 1
    return place, _aged(windows.times[where], place, middle)


def _aged(times: Array, place: Array, middle: Array) -> Array:
    """Age in seconds of the samples at some places; infinite where there is none."""
    if not len(times):
        return np.full(len(middle), np.inf)
    return np.where(place >= 0, (middle - times[np.maximum(place, 0)]) / NS, np.inf)


def _taken(values: Array, where: Array, place: Array, there: Array) -> Array:
    empty: Any = "" if values.dtype.kind in "OU" else np.nan
    found = np.full(len(place), empty, object if empty == "" else np.float64)
    found[there] = values[where[place[there]]]
    return found


def _good(values: Array) -> Array:
    return ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)


@njit(cache=True, nogil=True)
def _statistics(times, values, first, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Mean, min, max, std and slope of each window, in two passes: sums of squares are about the mean."""
    found = np.full((5, len(first)), np.nan)
    for window in range(len(first)):
        n, total, span = 0, 0.0, 0.0
        low, high = np.inf, -np.inf
        for i in range(first[window], stop[window]):
            value = values[i]
            if value == value:  # noqa: PLR0124 - not-a-number is not equal to itself
                n += 1
                total += value
                span += (times[i] - times[first[window]]) * 1e-9
                low, high = min(low, value), max(high, value)
        if n == 0:
            continue
        mean, when = total / n, span / n
        squares, across, along = 0.0, 0.0, 0.0
        for i in range(first[window], stop[window]):
            value = values[i]
            if value == value:  # noqa: PLR0124
                t = (times[i] - times[first[window]]) * 1e-9 - when
                squares += (value - mean) ** 2
                across += t * (value - mean)
                along += t * t
        found[0, window], found[1, window], found[2, window] = mean, low, high
        if n > 1:
            found[3, window] = np.sqrt(squares / (n - 1))
        if along > 0:
            found[4, window] = across / along
    return found


@njit(cache=True, nogil=True)
def _gaps(times, first, stop, begins, ends, longest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0917 - numba
    found = np.zeros(len(first), np.int64)
    for window in range(len(first)):
        last = begins[window]
        for i in range(first[window], stop[window]):
            found[window] += times[i] - last > longest
            last = times[i]
        found[window] += ends[window] - last > longest
    return found
