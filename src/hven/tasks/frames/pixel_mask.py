"""Pixels that are not to be trusted, decided from an observation's pedestals alone, so that every block agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.model.frames import MASK_FLAGS

_MAD_TO_SIGMA = 1.4826


def pixel_mask(
    pedestal: NDArray[Any], noise: NDArray[Any], *, hot: float = 8.0, noisy: float = 3.0, faint: float = 4.0
) -> NDArray[np.uint8]:
    """Mask bits of each pixel (y, x).

    dead: no noise in any cell, or never a value. hot: in every cell brighter than the median of the camera by `hot`
    spatial deviations, and alone. star: as bright in some cell, but moving on, or with a neighbour brighter by `faint`
    deviations. noisy: median noise more than `noisy` times the camera's, without being bright.

    Parameters
    ----------
    pedestal, noise
        Dims (cell, y, x); NaN where there is no value.
    """
    excess = _excess(pedestal)
    live = np.isfinite(pedestal) & (noise > 0)
    bright = live & (excess > hot)
    always = bright.any(0) & (bright | ~live).all(0)
    crowded = (bright & _neighbour(live & (excess > faint))).any(0)
    level = np.median(noise[live]) if live.any() else np.nan
    loud = np.median(np.where(live, noise, 0.0), axis=0) > noisy * level
    bits = {
        "dead": ~live.any(0),
        "hot": always & ~crowded,
        "star": bright.any(0) & ~(always & ~crowded),
        "noisy": loud & ~bright.any(0),
    }
    mask = np.zeros(pedestal.shape[1:], np.uint8)
    for name, pixels in bits.items():
        mask[pixels] |= MASK_FLAGS[name]
    return mask


def _excess(pedestal: NDArray[Any]) -> NDArray[Any]:
    """Pedestal over the camera's median, in spatial deviations of its cell."""
    excess = np.full(pedestal.shape, -np.inf)
    for cell, values in enumerate(pedestal):
        good = np.isfinite(values)
        if good.any():
            centre = np.median(values[good])
            sigma = _MAD_TO_SIGMA * np.median(np.abs(values[good] - centre))
            excess[cell][good] = (values[good] - centre) / max(sigma, 1e-6)
    return excess


def _neighbour(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of the eight neighbours is set; dims (cell, y, x)."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    height, width = pixels.shape[1:]
    shifts = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return np.any([padded[:, y : y + height, x : x + width] for y, x in shifts], axis=0)
