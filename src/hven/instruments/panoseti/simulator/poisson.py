"""Poisson counts fast: one table for each pixel, since a pixel's expectation holds for a whole cell."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

_GUIDES = 256
_BELOW, _ABOVE = 10.0, 14.0
"""Range of the tables in standard deviations; beyond it lie fewer than 1e-16 of all draws."""


def draw_counts(random: np.random.Generator, expectation: NDArray[np.float64], frames: int) -> NDArray[np.int64]:
    """Poisson counts, dims (frame, y, x), by inversion of the distribution function with 53-bit uniform numbers.

    Parameters
    ----------
    random
        Where the uniform numbers come from.
    expectation
        Of each pixel, dims (y, x).
    frames
        How many images.
    """
    counts = np.empty((frames, expectation.size), np.int64)
    _fill(random.random((expectation.size, frames)), np.ascontiguousarray(expectation.ravel()), counts)
    return counts.reshape(frames, *expectation.shape)


@numba.njit(nogil=True, cache=True)
def _fill(uniform: NDArray[np.float64], expectation: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    guide = np.empty(_GUIDES, np.int64)
    for pixel in range(len(expectation)):
        lowest, below = _distribution(expectation[pixel])
        step = 0
        for j in range(_GUIDES):
            while below[step] * _GUIDES <= j and step < len(below) - 1:
                step += 1
            guide[j] = step
        for i in range(uniform.shape[1]):
            u = uniform[pixel, i]
            step = guide[int(u * _GUIDES)]
            while below[step] <= u and step < len(below) - 1:
                step += 1
            counts[i, pixel] = lowest + step


@numba.njit(nogil=True, cache=True)
def _distribution(mean: float) -> tuple[int, NDArray[np.float64]]:
    """Smallest count of the table and the probability of at most that count, of one more, and so on."""
    mean = max(mean, 1e-300)
    lowest = max(0, int(mean - _BELOW * math.sqrt(mean)))
    highest = int(mean + _ABOVE * math.sqrt(mean) + _ABOVE)
    below, total = np.empty(highest - lowest + 1), 0.0
    for k in range(lowest, highest + 1):
        total += math.exp(k * math.log(mean) - mean - math.lgamma(k + 1.0))
        below[k - lowest] = total
    return lowest, below
