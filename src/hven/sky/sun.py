"""Height of the Sun, to a hundredth of a degree: enough for twilight."""

from __future__ import annotations

from typing import Any

import numpy as np

_J2000_NS = 946_728_000 * 10**9
"""2000-01-01T12:00 UTC."""


def altitude(
    time_ns: np.ndarray[Any, Any], latitude_deg: float, longitude_deg: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Altitude of the Sun's centre above the horizon, without refraction.

    Formulae of the Astronomical Almanac's low-precision Sun (section C); good to 0.01 degree from 1950 to 2050.

    Parameters
    ----------
    time_ns
        UTC nanoseconds since 1970, any shape.
    latitude_deg, longitude_deg
        Of the observatory, north and east positive.

    Returns
    -------
    ndarray
        Degrees, same shape.

    Examples
    --------
    Noon of an equinox, at the equator below the Sun:

    >>> noon = np.array([1_742_472_456 * 10**9])
    >>> bool(altitude(noon, 0.0, 0.0)[0] > 89)
    True
    """
    days = (np.asarray(time_ns, dtype=np.int64) - _J2000_NS) / (86400 * 1e9)
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360)
    mean_longitude = (280.460 + 0.9856474 * days) % 360
    longitude = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude))
    declination = np.arcsin(np.sin(obliquity) * np.sin(longitude))
    sidereal = np.radians((280.46061837 + 360.98564736629 * days + longitude_deg) % 360)
    latitude = np.radians(latitude_deg)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        sidereal - ascension
    )
    return np.asarray(np.degrees(np.arcsin(np.clip(height, -1, 1))), np.float64)
