"""What a camera counts without light: the offset of its configuration, or a certified dark of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hven.core.errors import DataError
from hven.model import fringes
from hven.model.frames import DARK
from hven.model.task import Inputs, Slot
from hven.tasks.fringes.sums import Region, weighted_columns

if TYPE_CHECKING:
    from hven.tasks.fringes.least_squares import Array

DARK_SLOT = Slot("dark", (DARK,), "Counts without light.", whole=True, optional=True, calibration=True)

UNLIT = frozenset({fringes.DARK})
"""Of images with one of these flags nothing is measured."""


def dark_plane(inputs: Inputs, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """The certified dark, dims (y, x), a pixel without one at the median; None where none is certified.

    Raises
    ------
    DataError
        When it is of another size than the images.
    """
    if DARK_SLOT.name not in inputs:
        return None
    plane = np.asarray(inputs[DARK_SLOT.name]["pedestal"].values, np.float32)
    if plane.shape != tuple(shape):
        raise DataError(
            f"the certified dark has {plane.shape} pixels, the images have {tuple(shape)}",
            hint="Certify one of images of this size for their time.",
        )
    return np.where(np.isfinite(plane), plane, np.nanmedian(plane)).astype(np.float32)


class Unlit(NamedTuple):
    """Counts without light in a region: sums over its rows and columns, and the plane they are of or one offset."""

    rows: Array | float
    columns: Array | float
    plane: NDArray[np.float32] | None
    offset: float

    def weighted(self, weights: NDArray[np.float64]) -> Any:
        """The same in the sum of each column with a weight for each row."""
        if self.plane is None:
            return self.offset * weights.sum()
        height, width = self.plane.shape
        return weighted_columns(self.plane, Region(0, height, 0, width), weights)


def unlit(region: Region, offset: float, plane: NDArray[np.float32] | None = None) -> Unlit:
    """What a region counts without light, by a plane if there is one.

    Examples
    --------
    >>> unlit(Region(0, 2, 0, 3), 100.0).rows
    300.0
    >>> unlit(Region(0, 2, 0, 3), 100.0, np.full((4, 4), 7, np.float32)).columns
    array([14., 14., 14.])
    """
    if plane is None:
        return Unlit(offset * region.columns, offset * region.rows, None, offset)
    here = np.ascontiguousarray(plane[region.top : region.bottom, region.left : region.right])
    return Unlit(here.sum(axis=1, dtype=np.float64), here.sum(axis=0, dtype=np.float64), here, offset)
