"""Whole-module view of frames: images of 32x32 pixels and which of their four quadrants are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hven.core.errors import SchemaError

if TYPE_CHECKING:
    import xarray as xr

QUADRANTS = 4
CORNERS = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.int64)
"""Place of quadrant 0 to 3, in halves along y and x: upper left, upper right, lower right, lower left."""


class Frames(NamedTuple):
    """Images (time, y, x) of whole modules and `valid` (time, quadrant)."""

    images: NDArray[Any]
    valid: NDArray[np.bool_]


def whole_frames(dataset: xr.Dataset) -> Frames:
    """Images and quadrant validity of raw frames.

    A frame that holds one quadrant (`quabo` names it) is placed into the whole module; the others are not valid.

    Raises
    ------
    SchemaError
        When images are not square, or a quadrant number is not 0 to 3.
    """
    images = np.require(dataset["images"].values, requirements=["C", "W"])
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.shape[1] % 2:  # noqa: PLR2004 - time, y, x
        raise SchemaError(f"images of shape {images.shape} are not (time, y, x) with equal, even sides")
    if "quabo" in dataset and dataset["quabo"].dims == ("time",):
        return _placed(images, dataset["quabo"].values)
    if "quabo_valid" in dataset:
        return Frames(images, np.require(dataset["quabo_valid"].values, np.bool_, ["C", "W"]))
    return Frames(images, np.ones((len(images), QUADRANTS), np.bool_))


def frames_of(dataset: xr.Dataset) -> Frames:
    """The same of any camera: images that say nothing of quadrants may have any size and are there as a whole.

    Raises
    ------
    SchemaError
        As `whole_frames` does, for images with quadrants.
    """
    if "quabo" in dataset or "quabo_valid" in dataset:
        return whole_frames(dataset)
    images = np.require(dataset["images"].values, requirements=["C", "W"])
    return Frames(images, np.ones((len(images), 1), np.bool_))


def place_map(frames: Frames) -> NDArray[np.int64]:
    """Column of `valid` that holds for each pixel (y, x)."""
    if frames.valid.shape[1] == 1:
        return np.zeros(frames.images.shape[1:], np.int64)
    return quadrant_map(frames.images.shape[1])


def quadrant_map(side: int) -> NDArray[np.int64]:
    """Quadrant of each pixel (y, x).

    Examples
    --------
    >>> quadrant_map(2)
    array([[0, 1],
           [3, 2]])
    """
    half = side // 2
    quadrant = np.empty((side, side), np.int64)
    for number, (row, column) in enumerate(CORNERS):
        quadrant[row * half : (row + 1) * half, column * half : (column + 1) * half] = number
    return quadrant


def _placed(images: NDArray[Any], quabo: NDArray[Any]) -> Frames:
    number = quabo.astype(np.int64)
    if len(number) and not (number.min() >= 0 and number.max() < QUADRANTS):
        row = int(np.flatnonzero((number < 0) | (number >= QUADRANTS))[0])
        raise SchemaError(f"frame {row} is of quadrant {number[row]}; there are 0 to 3")
    half = images.shape[1]
    whole = np.zeros((len(images), 2 * half, 2 * half), images.dtype)
    valid = np.zeros((len(images), QUADRANTS), np.bool_)
    for quadrant, (row, column) in enumerate(CORNERS):
        here = number == quadrant
        whole[here, row * half : (row + 1) * half, column * half : (column + 1) * half] = images[here]
        valid[here, quadrant] = True
    return Frames(whole, valid)
