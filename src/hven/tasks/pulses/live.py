"""Sums of frames in which packets are missing, scaled to full live time.

A packet that is lost takes one quadrant of one frame. The sum over the frames that are there, times all frames over
those, has the expectation of a whole sum; its variance is larger by the same factor, so that the significance of a box
is that of its scaled sums times the square root of the live part of its time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hven.tasks.frames.quadrants import Frames, quadrant_map
from hven.tasks.pulses.boxcar import Candidates

LEAST_LIVE = 0.5
"""Part of a sum's frames that must be there."""


class Sums(NamedTuple):
    """Sums (time, y, x) of so many `frames` each, and of how many the quadrant was there: `live` (time, quadrant)."""

    images: NDArray[np.uint32]
    live: NDArray[np.uint16]
    frames: int

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Quadrants of which enough frames are there (time, quadrant)."""
        return self.live >= LEAST_LIVE * self.frames


def summed(frames: Frames, factor: int) -> Sums:
    """Sums of consecutive frames, without quadrants that are not there; the last that fill no sum are left out."""
    number = len(frames.images) // factor
    valid = np.ascontiguousarray(frames.valid[: number * factor])
    live = valid.reshape(number, factor, valid.shape[1]).sum(1, dtype=np.uint16)
    return Sums(_added(frames.images, valid, factor), live, factor)


def summed_again(sums: Sums, factor: int) -> Sums:
    """Sums of consecutive sums."""
    number = len(sums.images) // factor
    live = sums.live[: number * factor]
    all_there = np.ones(live.shape, np.bool_)
    again = live.reshape(number, factor, live.shape[1]).sum(1, dtype=np.uint16)
    return Sums(_added(sums.images, all_there, factor), again, sums.frames * factor)


def _added(images: NDArray[Any], valid: NDArray[np.bool_], factor: int) -> NDArray[np.uint32]:
    height, width = images.shape[1:]
    sums = np.zeros((len(valid) // factor, height * width), np.uint32)
    quadrant = quadrant_map(height).ravel()
    _add(images.reshape(len(images), height * width), (valid, valid.all(1), quadrant), factor, sums)
    return sums.reshape(len(sums), height, width)


@numba.njit(cache=True, nogil=True)
def _add(images: Any, there: Any, factor: int, sums: Any) -> None:
    valid, whole, quadrant = there
    for number in range(sums.shape[0]):
        for row in range(number * factor, (number + 1) * factor):
            if whole[row]:
                for pixel in range(sums.shape[1]):
                    sums[number, pixel] += images[row, pixel]
            else:
                for pixel in range(sums.shape[1]):
                    if valid[row, quadrant[pixel]]:
                        sums[number, pixel] += images[row, pixel]


def scaled(sums: Sums) -> Sums:
    """Sums as if all frames were there, in whole numbers."""
    if (sums.live == sums.frames).all():
        return sums
    height, width = sums.images.shape[1:]
    images = sums.images.reshape(len(sums.images), height * width).copy()
    _scale(images, sums.live, sums.frames, quadrant_map(height).ravel())
    return sums._replace(images=images.reshape(sums.images.shape))


@numba.njit(cache=True, nogil=True)
def _scale(images: Any, live: Any, frames: int, quadrant: Any) -> None:
    for row in range(images.shape[0]):
        for pixel in range(images.shape[1]):
            there = live[row, quadrant[pixel]]
            if 0 < there < frames:
                images[row, pixel] = np.uint32(images[row, pixel] * frames / there + 0.5)


def weighted(found: Candidates, sums: Sums, first: int, least: float) -> Candidates:
    """Candidates with the significance that their live time leaves; those that fall below the threshold are dropped.

    Parameters
    ----------
    found
        Candidates in scaled sums; their frames count sums.
    sums
        In which they were found.
    first
        Absolute number of the first sum.
    least
        Significance that a candidate needs.
    """
    if (sums.live == sums.frames).all() or not len(found.frame):
        return found
    until = np.zeros((len(sums.live) + 1, sums.live.shape[1]), np.int64)
    np.cumsum(sums.live, axis=0, out=until[1:])
    length = 2**found.level
    begin, quadrant = found.frame - first, quadrant_map(sums.images.shape[1]).ravel()[found.pixel]
    part = (until[begin + length, quadrant] - until[begin, quadrant]) / (length * sums.frames)
    nsigma = found.nsigma * np.sqrt(part)
    return Candidates(*(column[nsigma >= least] for column in found._replace(nsigma=nsigma)))
