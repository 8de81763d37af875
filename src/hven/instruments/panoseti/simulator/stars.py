"""Bright stars and the light they throw on the pixels of a telescope that stands still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hven.instruments.panoseti.simulator.site import Telescope
from hven.sky.pointing import horizontal, sidereal_time

PIXEL_DEG = 0.3125
SIDE = 32
SPOT_PIXELS = 0.6
"""Gaussian width of a star's image."""
COUNTS_PER_S_MAG_0 = 12_000.0

STARS = (
    ("Deneb", 310.3580, 45.2803, 1.25),
    ("Sadr", 305.5571, 40.2567, 2.23),
    ("Gienah", 311.5528, 33.9703, 2.48),
    ("Fawaris", 296.2437, 45.1308, 2.87),
    ("Albireo", 292.6803, 27.9597, 3.08),
    ("eta Cyg", 299.0766, 35.0834, 3.89),
    ("41 Cyg", 307.3489, 30.3686, 4.01),
    ("nu Cyg", 314.2934, 41.1671, 3.94),
    ("Alpheratz", 2.0969, 29.0904, 2.06),
    ("Mirach", 17.4330, 35.6206, 2.05),
    ("Almach", 30.9748, 42.3297, 2.10),
    ("delta And", 9.8320, 30.8610, 3.27),
    ("mu And", 14.1884, 38.4993, 3.87),
    ("nu And", 12.4535, 41.0789, 4.53),
    ("Schedar", 10.1268, 56.5373, 2.24),
    ("Caph", 2.2945, 59.1498, 2.27),
    ("Alcyone", 56.8712, 24.1051, 2.87),
    ("Atlas", 57.2906, 24.0534, 3.63),
    ("Electra", 56.2189, 24.1133, 3.70),
    ("Maia", 56.4567, 24.3678, 3.87),
    ("Merope", 56.5816, 23.9484, 4.18),
    ("Taygeta", 56.3021, 24.4673, 4.30),
    ("Aldebaran", 68.9802, 16.5093, 0.86),
    ("Capella", 79.1723, 45.9980, 0.08),
    ("Mirfak", 51.0807, 49.8612, 1.80),
    ("Algol", 47.0422, 40.9556, 2.12),
    ("Hamal", 31.7934, 23.4624, 2.00),
    ("Vega", 279.2347, 38.7837, 0.03),
    ("Altair", 297.6958, 8.8683, 0.76),
    ("Polaris", 37.9546, 89.2641, 1.98),
)
"""Name, right ascension, declination (degrees, J2000) and magnitude."""


def pixel_of(
    telescope: Telescope, azimuth: NDArray[np.float64], elevation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates (y, x) of directions; whole numbers are centres of pixels."""
    return telescope.camera.pixel(azimuth, elevation, SIDE, PIXEL_DEG)


def starlight(telescope: Telescope, time_ns: int) -> NDArray[np.float64]:
    """Counts per second and pixel from stars at a time, dims (y, x)."""
    _, ra, dec, magnitude = (np.array(column) for column in zip(*STARS, strict=True))
    sidereal = sidereal_time(time_ns, telescope.longitude)
    y, x = pixel_of(telescope, *horizontal(ra, dec, sidereal, telescope.latitude))
    flux = COUNTS_PER_S_MAG_0 * 10 ** (-0.4 * magnitude)
    seen = np.isfinite(x) & (np.abs(x - SIDE / 2) < SIDE) & (np.abs(y - SIDE / 2) < SIDE)
    pixels = np.arange(SIDE)
    along = [np.exp(-0.5 * ((pixels - c[seen, None]) / SPOT_PIXELS) ** 2) for c in (y, x)]
    return np.asarray(np.einsum("s,sy,sx->yx", flux[seen] / (2 * np.pi * SPOT_PIXELS**2), *along))
