"""Extremes, sums and counts of rows that follow each other: the compiled part of overviews."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]


@njit(cache=True, nogil=True)
def reduce_floats(values: Array, factor: int, low: Array, high: Array, total: Array, count: Array) -> None:  # noqa: PLR0917 - numba
    """Fill cells of `factor` rows each, ``(cell, x)``, from ``(row, x)``; not-a-number is left out.

    `total` and `count` begin with zeros.
    """
    rows, width = values.shape
    for row in range(rows):
        cell = row // factor
        for x in range(width):
            value = values[row, x]
            if row % factor == 0:
                low[cell, x] = high[cell, x] = value
            if value == value:  # noqa: PLR0124 - not-a-number is not equal to itself
                low[cell, x] = value if not low[cell, x] <= value else low[cell, x]
                high[cell, x] = value if not high[cell, x] >= value else high[cell, x]
                total[cell, x] += value
                count[cell, x] += 1


@njit(cache=True, nogil=True)
def reduce_integers(values: Array, factor: int, low: Array, high: Array, total: Array, count: Array) -> None:  # noqa: PLR0917 - numba
    """Fill cells of `factor` rows each, ``(cell, x)``, from ``(row, x)``; `total` begins with zeros."""
    for cell in range(len(low)):
        block = values[cell * factor : (cell + 1) * factor]
        lowest, highest, sums = low[cell], high[cell], total[cell]
        for x in range(len(lowest)):
            lowest[x] = highest[x] = block[0, x]
        for row in range(len(block)):
            new = block[row]
            for x in range(len(lowest)):  # three simple loops: each becomes vector instructions
                lowest[x] = new[x] if new[x] < lowest[x] else lowest[x]  # noqa: FURB136 - min() does not
            for x in range(len(lowest)):
                highest[x] = new[x] if new[x] > highest[x] else highest[x]  # noqa: FURB136
            for x in range(len(lowest)):
                sums[x] += new[x]
        count[cell] = len(block)
