"""Search for events of several telescopes within a time window, in whole nanoseconds."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def count_pairs(first: NDArray[np.int64], second: NDArray[np.int64], window: int) -> int:
    """Pairs of sorted times with ``|difference| <= window``.

    Examples
    --------
    >>> count_pairs(np.array([0, 100]), np.array([5, 96, 200]), 5)
    2
    """
    count, low, high = 0, 0, 0
    for time in first:
        while low < second.size and second[low] < time - window:
            low += 1
        while high < second.size and second[high] <= time + window:
            high += 1
        count += high - low
    return count


@numba.njit(cache=True, nogil=True)
def group(times: NDArray[np.int64], detector: NDArray[Any], window: int, groups: NDArray[np.int64]) -> int:
    """Number the coincidences among sorted times of all detectors; return how many there are.

    A coincidence begins with an event that belongs to none yet and takes all events up to `window` after it; it counts
    when they are of two detectors or more.

    Parameters
    ----------
    times, detector
        Sorted by time.
    window
        Largest difference, in the units of the times.
    groups
        Result: number of the coincidence of each event, -1 for none.
    """
    groups[:] = -1
    count, begin = 0, 0
    while begin < times.size:
        end = begin + 1
        several = False
        while end < times.size and times[end] - times[begin] <= window:
            several |= detector[end] != detector[begin]
            end += 1
        if not several:
            begin += 1
            continue
        groups[begin:end] = count
        count += 1
        begin = end
    return count
