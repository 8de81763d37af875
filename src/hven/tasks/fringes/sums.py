"""Sums over a region of an image, in one pass at the speed of memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray


class Region(NamedTuple):
    """Rows `[top, bottom)` and columns `[left, right)` of an image, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.right - self.left

    def within(self, image: NDArray[Any]) -> Region:
        """The part that lies on an image of dims (y, x)."""
        height, width = image.shape
        return Region(max(self.top, 0), min(self.bottom, height), max(self.left, 0), min(self.right, width))


class Sums(NamedTuple):
    """Counts of each row and column of a region, and the pixels at or above the ceiling."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    saturated: int


def sums(image: NDArray[np.unsignedinteger[Any]], region: Region, ceiling: int) -> Sums:
    """Sums of a region.

    Parameters
    ----------
    image
        Counts, dims (y, x).
    region
        Within the image.
    ceiling
        Pixels of so many counts or more are saturated.

    Examples
    --------
    >>> found = sums(np.array([[1, 2], [3, 9]], np.uint16), Region(0, 2, 0, 2), 9)
    >>> found.rows.tolist(), found.columns.tolist(), found.saturated
    ([3, 12], [4, 11], 1)
    """
    rows = np.zeros(region.rows, np.int64)
    columns = np.zeros(region.columns, np.int64)
    saturated = _sum(image[region.top : region.bottom, region.left : region.right], ceiling, rows, columns)
    return Sums(rows, columns, int(saturated))


@numba.njit(cache=True, nogil=True)
def _sum(image: Any, ceiling: Any, rows: Any, columns: Any) -> Any:
    saturated = np.int64(0)
    strip = np.zeros(columns.size, np.uint32)
    for first in range(0, image.shape[0], 32768):  # 65,535 counts of so many rows fit into 32 bits
        strip[:] = 0
        for y in range(first, min(first + 32768, image.shape[0])):
            total, full = np.int64(0), np.int64(0)
            line = image[y]
            for x in range(line.size):
                value = line[x]
                total += np.int64(value)
                full += np.int64(value >= ceiling)
                strip[x] += np.uint32(value)
            rows[y] = total
            saturated += full
        for x in range(columns.size):
            columns[x] += strip[x]
    return saturated


def weighted_columns(image: NDArray[Any], region: Region, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each column of a region with a weight for each row.

    Parameters
    ----------
    image
        Counts, dims (y, x).
    region
        Within the image.
    weights
        Dims (row of the region,).
    """
    columns = np.zeros(region.columns, np.float64)
    _weigh(image[region.top : region.bottom, region.left : region.right], weights, columns)
    return columns


@numba.njit(cache=True, nogil=True)
def _weigh(image: Any, weights: Any, columns: Any) -> None:
    strip = np.zeros(columns.size, np.float32)
    for first in range(0, image.shape[0], 64):  # single precision within a strip, double among strips
        strip[:] = 0
        for y in range(first, min(first + 64, image.shape[0])):
            weight = np.float32(weights[y])
            line = image[y]
            for x in range(line.size):
                strip[x] += weight * np.float32(line[x])
        for x in range(columns.size):
            columns[x] += strip[x]
