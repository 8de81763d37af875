"""Where the night is dark: the Sun's height over an observatory."""

from __future__ import annotations

import numpy as np

from hven.core.settings import ObservatorySettings
from hven.sky.sun import altitude

STEP_NS = 300 * 10**9
AROUND_NS = 12 * 3600 * 10**9
TWILIGHTS = ((-0.833, 0.07), (-6.0, 0.06), (-12.0, 0.06), (-18.0, 0.06))
"""Sun's altitude in degrees below which a shade is added, and its opacity."""


def shades(site: ObservatorySettings, begin_ns: int, end_ns: int) -> list[tuple[float, float, float]]:
    """Intervals to shade, one set for each twilight: begin and end in ms since 1970, and opacity."""
    times = np.arange(begin_ns - AROUND_NS, end_ns + AROUND_NS, STEP_NS)
    height = altitude(times, site.latitude_deg, site.longitude_deg)
    return [(times[i] / 1e6, times[j] / 1e6, a) for limit, a in TWILIGHTS for i, j in _runs(height < limit)]


def _runs(inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, inside.astype(int), 0]))
    return [(int(i), min(int(j), len(inside) - 1)) for i, j in zip(edges[::2], edges[1::2], strict=True)]
