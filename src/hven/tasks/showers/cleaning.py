"""Two-level cleaning of images."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def clean(image: NDArray[Any], noise: NDArray[Any], picture: float, boundary: float, kept: NDArray[np.bool_]) -> int:
    """Mark the pixels (y, x) that belong to a shower and return how many.

    Kept is a pixel at or above `picture` times its noise with at least one neighbour of eight at or above `boundary`,
    and a pixel at or above `boundary` with a neighbour that is kept for the first reason. NaN is never kept.

    Parameters
    ----------
    image, noise
        Signal and its standard deviation (y, x).
    picture, boundary
        In standard deviations.
    kept
        Result (y, x), overwritten.
    """
    height, width = image.shape
    core = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            core[y, x] = image[y, x] >= picture * noise[y, x] and _any_neighbour(image, noise, boundary, y, x)
    count = 0
    for y in range(height):
        for x in range(width):
            kept[y, x] = core[y, x] or (image[y, x] >= boundary * noise[y, x] and _beside(core, y, x))
            count += kept[y, x]
    return count


@numba.njit(cache=True, nogil=True)
def _any_neighbour(image: NDArray[Any], noise: NDArray[Any], limit: float, y: int, x: int) -> bool:
    for j in range(max(0, y - 1), min(image.shape[0], y + 2)):
        for i in range(max(0, x - 1), min(image.shape[1], x + 2)):
            if (j, i) != (y, x) and image[j, i] >= limit * noise[j, i]:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _beside(core: NDArray[np.bool_], y: int, x: int) -> bool:
    for j in range(max(0, y - 1), min(core.shape[0], y + 2)):
        for i in range(max(0, x - 1), min(core.shape[1], x + 2)):
            if (j, i) != (y, x) and core[j, i]:
                return True
    return False
