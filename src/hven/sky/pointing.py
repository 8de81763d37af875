"""Where a fixed telescope looks: sidereal time, horizontal coordinates and the gnomonic projection of its camera.

Angles are degrees. Azimuth counts from north through east. Mean sidereal time without nutation, no refraction and no
aberration: right to 0.01 deg above 30 deg of elevation, a thirtieth of a PANOSETI pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Degrees = NDArray[np.float64]

_DAY_NS = 86_400_000_000_000
_J2000_NS = 946_728_000_000_000_000


def sidereal_time(time_ns: ArrayLike, longitude: float) -> Degrees:
    """Local mean sidereal time.

    Meeus, *Astronomical Algorithms*, 2nd edition, equation 12.4, with UTC for UT1.

    Parameters
    ----------
    time_ns
        UTC nanoseconds since 1970.
    longitude
        East positive.

    Examples
    --------
    >>> sidereal_time(545_080_860_000_000_000, 0.0).round(4).item()
    128.7379
    """
    days = (np.asarray(time_ns, np.int64) - _J2000_NS) / _DAY_NS
    centuries = days / 36525.0
    greenwich = 280.46061837 + 360.98564736629 * days + 0.000387933 * centuries**2
    return np.asarray((greenwich + longitude) % 360.0)


def horizontal(ra: ArrayLike, dec: ArrayLike, sidereal: ArrayLike, latitude: float) -> tuple[Degrees, Degrees]:
    """Azimuth and elevation of right ascension and declination; arguments are broadcast.

    Examples
    --------
    >>> [round(float(v), 6) for v in horizontal(10.0, 20.0, 10.0, 50.0)]
    [180.0, 60.0]
    """
    return _turn(np.asarray(sidereal) - np.asarray(ra), dec, latitude)


def equatorial(
    azimuth: ArrayLike, elevation: ArrayLike, sidereal: ArrayLike, latitude: float
) -> tuple[Degrees, Degrees]:
    """Right ascension and declination of a direction; the inverse of `horizontal`."""
    hour_angle, dec = _turn(azimuth, elevation, latitude)
    return (np.asarray(sidereal) - hour_angle) % 360.0, dec


def project(
    azimuth: ArrayLike,
    elevation: ArrayLike,
    centre: tuple[float, float],
    position_angle: float = 0.0,
) -> tuple[Degrees, Degrees]:
    """Gnomonic projection onto a camera.

    Parameters
    ----------
    azimuth, elevation
        Directions.
    centre
        Azimuth and elevation of the optical axis.
    position_angle
        Angle by which the camera is turned, from up through increasing azimuth.

    Returns
    -------
    x, y
        Towards increasing azimuth and towards the zenith in an unturned camera, degrees in the tangent plane. NaN
        behind the camera.
    """
    step, up = np.radians(np.asarray(azimuth) - centre[0]), np.radians(elevation)
    tilt = np.radians(centre[1])
    axial = np.sin(tilt) * np.sin(up) + np.cos(tilt) * np.cos(up) * np.cos(step)
    axial = np.where(axial > 0, axial, np.nan)
    right = np.cos(up) * np.sin(step) / axial
    above = (np.cos(tilt) * np.sin(up) - np.sin(tilt) * np.cos(up) * np.cos(step)) / axial
    return _rotate(np.degrees(right), np.degrees(above), position_angle)


def unproject(
    x: ArrayLike, y: ArrayLike, centre: tuple[float, float], position_angle: float = 0.0
) -> tuple[Degrees, Degrees]:
    """Azimuth and elevation of a place in the camera; the inverse of `project`."""
    right, above = (np.radians(v) for v in _rotate(np.asarray(x), np.asarray(y), -position_angle))
    tilt = np.radians(centre[1])
    up, ahead = np.sin(tilt) + above * np.cos(tilt), np.cos(tilt) - above * np.sin(tilt)
    step = np.arctan2(right, ahead)
    return (centre[0] + np.degrees(step)) % 360.0, _height(up, right, ahead)


def _rotate(x: Degrees, y: Degrees, angle: float) -> tuple[Degrees, Degrees]:
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x * c - y * s, x * s + y * c


def _turn(longitude: ArrayLike, latitude: ArrayLike, pole: float) -> tuple[Degrees, Degrees]:
    """From hour angle and declination to azimuth and elevation; the same turn leads back."""
    h, d, p = np.radians(longitude), np.radians(latitude), np.radians(pole)
    east = -np.cos(d) * np.sin(h)
    north = np.sin(d) * np.cos(p) - np.cos(d) * np.sin(p) * np.cos(h)
    up = np.sin(d) * np.sin(p) + np.cos(d) * np.cos(p) * np.cos(h)
    return np.degrees(np.arctan2(east, north)) % 360.0, _height(up, east, north)


def _height(up: Degrees, right: Degrees, ahead: Degrees) -> Degrees:
    """Angle above the plane, from its tangent: near the pole the arcsine of its sine has half the digits."""
    return np.degrees(np.arctan2(up, np.hypot(right, ahead)))
