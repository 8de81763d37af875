"""Pixels of a fixed telescope's camera and where they look, in its own sky and in that of another telescope.

Rows count down and columns towards increasing azimuth, in an unturned camera; whole numbers are centres of pixels and
the optical axis is in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from hven.sky.pointing import Degrees, equatorial, horizontal, project, unproject


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a camera stands and looks.

    Parameters
    ----------
    azimuth, elevation
        Of the optical axis, degrees.
    position_angle
        Angle by which the camera is turned, degrees, as in `hven.sky.pointing.project`.
    latitude, longitude
        Of the telescope, degrees, east positive.
    """

    azimuth: float
    elevation: float
    position_angle: float
    latitude: float
    longitude: float

    @classmethod
    def from_attrs(cls, attrs: Mapping[str, Any]) -> Self | None:
        """Camera as the attributes of a dataset name it; None where one is missing.

        Examples
        --------
        >>> Camera.from_attrs({"azimuth": 180.0}) is None
        True
        """
        names = [f.name for f in fields(cls)]
        return cls(*(float(attrs[name]) for name in names)) if set(names) <= set(attrs) else None

    def pixel(self, azimuth: ArrayLike, elevation: ArrayLike, side: int, pixel_deg: float) -> tuple[Degrees, Degrees]:
        """Row and column of a direction in a camera of so many pixels of so many degrees; NaN behind the camera."""
        x, y = project(azimuth, elevation, (self.azimuth, self.elevation), self.position_angle)
        middle = (side - 1) / 2
        return middle - y / pixel_deg, middle + x / pixel_deg

    def direction(self, y: ArrayLike, x: ArrayLike, side: int, pixel_deg: float) -> tuple[Degrees, Degrees]:
        """Azimuth and elevation of a row and column; the inverse of `pixel`."""
        middle = (side - 1) / 2
        right, above = (np.asarray(x) - middle) * pixel_deg, (middle - np.asarray(y)) * pixel_deg
        return unproject(right, above, (self.azimuth, self.elevation), self.position_angle)

    def seen_from(self, other: Camera, azimuth: ArrayLike, elevation: ArrayLike) -> tuple[Degrees, Degrees]:
        """Azimuth and elevation, here, of a direction to the distant sky that another telescope gives."""
        if (self.latitude, self.longitude) == (other.latitude, other.longitude):
            return np.asarray(azimuth, float), np.asarray(elevation, float)
        ra, dec = equatorial(azimuth, elevation, other.longitude, other.latitude)
        return horizontal(ra, dec, self.longitude, self.latitude)


def pixels_in(first: Camera, second: Camera, side: int, pixel_deg: float) -> tuple[Degrees, Degrees]:
    """Row and column, in the first camera, of what each pixel of the second looks at.

    Both stand still, so that this holds at any time.

    Returns
    -------
    y, x
        Dims (y, x) of the second camera; beyond the first camera's pixels where it does not look there.
    """
    y, x = np.indices((side, side))
    there = second.direction(y, x, side, pixel_deg)
    return first.pixel(*first.seen_from(second, *there), side, pixel_deg)
