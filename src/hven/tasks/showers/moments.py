"""Moments of a cleaned image after Hillas (1985, 19th ICRC 3, 445), with weights as frequencies (ddof = 0)."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

NAMES = ("size", "cog_x", "cog_y", "length", "width", "psi", "leakage", "concentration")


@numba.njit(cache=True, nogil=True)
def measure(image: NDArray[Any], kept: NDArray[np.bool_], out: NDArray[np.float64]) -> None:
    """Fill `out` with the moments named in `NAMES`, lengths in pixels from the camera's centre.

    ``size`` is the sum S over the kept pixels; ``cog`` the weighted mean; ``length`` and ``width`` the roots of the
    eigenvalues of the weighted covariance sum(S (r - cog)^2) / sum(S); ``psi`` the angle of the first eigenvector from
    x towards y in (-pi/2, pi/2]; ``leakage`` and ``concentration`` the parts of the outermost ring and of the brightest
    pixel.
    """
    height, width = image.shape
    size, sx, sy, border, brightest = 0.0, 0.0, 0.0, 0.0, 0.0
    for y in range(height):
        for x in range(width):
            if kept[y, x]:
                s = np.float64(image[y, x])
                size += s
                sx += s * x
                sy += s * y
                brightest = max(brightest, s)
                if y == 0 or x == 0 or y == height - 1 or x == width - 1:
                    border += s
    mx, my = sx / size, sy / size
    xx, xy, yy = 0.0, 0.0, 0.0
    for y in range(height):
        for x in range(width):
            if kept[y, x]:
                s, dx, dy = np.float64(image[y, x]), x - mx, y - my
                xx += s * dx * dx
                xy += s * dx * dy
                yy += s * dy * dy
    length, breadth, psi = _axes(xx / size, xy / size, yy / size)
    out[0], out[1], out[2] = size, mx - (width - 1) / 2.0, my - (height - 1) / 2.0
    out[3], out[4], out[5] = length, breadth, psi
    out[6], out[7] = border / size, brightest / size


@numba.njit(cache=True, nogil=True)
def _axes(xx: float, xy: float, yy: float) -> tuple[float, float, float]:
    """Roots of the eigenvalues of a covariance, larger first, and the angle of the first axis."""
    half, difference = 0.5 * (xx + yy), 0.5 * (xx - yy)
    root = math.hypot(difference, xy)
    larger = half + root
    smaller = (xx * yy - xy * xy) / larger if larger > 0.0 else 0.0
    psi = 0.5 * math.atan2(2.0 * xy, xx - yy)
    return math.sqrt(larger), math.sqrt(max(0.0, smaller)), psi
