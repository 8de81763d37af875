"""Which pixels of a frame hold no light of a shower or flash, so that they show the pedestal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hven.tasks.frames.quadrants import Frames, place_map

_FRAMES_AT_ONCE = 1024


def unlit(frames: Frames, limit: NDArray[np.float64], guard: int) -> NDArray[np.bool_]:
    """Values that are there and no other pixel near them in the frame stands out.

    A shower lights its rim by less than the noise: no clipping of single pixels finds that. A pixel that itself stands
    out counts when it is alone, so that the values left are those of noise, uncut.

    Parameters
    ----------
    frames
        Images and quadrant validity.
    limit
        Value above which a pixel stands out (y, x); NaN where none does.
    guard
        Rows and columns to either side that count as near.

    Returns
    -------
    ndarray
        Dims (time, pixel).
    """
    shape = frames.images.shape[1:]
    found = frames.valid[:, place_map(frames).ravel()]
    for begin in range(0, len(found), _FRAMES_AT_ONCE):
        part = slice(begin, begin + _FRAMES_AT_ONCE)
        bright = (frames.images[part] > limit) & found[part].reshape(-1, *shape)
        found[part] &= (_near(bright, guard) == bright).reshape(len(bright), -1)
    return found


def _near(bright: NDArray[np.bool_], guard: int) -> NDArray[np.int32]:
    """Number of bright pixels in the square around each."""
    number = bright.astype(np.int32)
    for axis in (1, 2):
        summed = np.cumsum(number, axis, dtype=np.int32)
        size, index = number.shape[axis], np.arange(number.shape[axis])
        number = np.take(summed, np.minimum(index + guard, size - 1), axis)
        before = np.take(summed, np.maximum(index - guard - 1, 0), axis)
        inside = (index > guard).reshape((-1, 1) if axis == 1 else -1)
        number -= np.where(inside, before, 0)
    return number
