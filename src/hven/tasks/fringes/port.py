"""One output port of the interferometer on one image: how many atoms, where, how wide, with which fringe."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.tasks.fringes.dark import Unlit, unlit
from hven.tasks.fringes.envelope import Envelope, Noise, fit_envelope
from hven.tasks.fringes.least_squares import Array
from hven.tasks.fringes.phase import Fringe, RowWeights, Wave, fit_fringe
from hven.tasks.fringes.sums import Region, sums, weighted_columns

_DIGITS = 1 / 12
"""Variance of rounding to whole counts."""


@dataclass(frozen=True, slots=True)
class Camera:
    """How counts follow from light.

    Parameters
    ----------
    offset
        Counts without light.
    gain
        Counts for each photo-electron.
    read_noise
        Standard deviation in photo-electrons.
    ceiling
        Counts at which a pixel is saturated.
    """

    offset: float
    gain: float
    read_noise: float
    ceiling: int

    @property
    def extra(self) -> float:
        """Variance of a pixel beyond photon noise, in photo-electrons squared."""
        return self.read_noise**2 + _DIGITS / self.gain**2

    def light(self, counts: NDArray[Any], without: Array | float) -> Array:
        """Photo-electrons in sums of pixels that count so much without light."""
        return np.asarray((counts - without) / self.gain, np.float64)

    def noise(self, pixels: int) -> Noise:
        """Noise of such sums."""
        return Noise(pixels * self.extra, 1.0)


@dataclass(frozen=True, slots=True)
class Port:
    """What one port shows.

    Parameters
    ----------
    rows
        The cloud across the rows: its area is the light of the cloud in photo-electrons.
    fringe
        None where there is no cloud.
    level
        Background of a pixel in photo-electrons.
    saturated
        Saturated pixels in the region.
    """

    rows: Envelope
    fringe: Fringe | None
    level: float
    saturated: int


def measure_port(image: NDArray[Any], region: Region, camera: Camera, wave: Wave, below: Unlit | None = None) -> Port:
    """Measure the cloud in a region of an image.

    Parameters
    ----------
    image
        Counts, dims (y, x).
    region
        Where the port's cloud is expected, with some background around it.
    camera, wave
        Of the image; the wave's reference is a column of the image.
    below
        What the region counts without light; by the camera's offset if it is left out.

    Returns
    -------
    Port
        Centres are in pixels of the image.
    """
    found = sums(image, region, camera.ceiling)
    dark = below or unlit(region, camera.offset)
    rows = fit_envelope(camera.light(found.rows, dark.rows), camera.noise(region.columns))
    columns = fit_envelope(camera.light(found.columns, dark.columns), camera.noise(region.rows))
    level = max(rows.level / region.columns, 0.0)
    fringe = None
    if rows.found and columns.found:
        peak = rows.area / (math.sqrt(2 * math.pi) * columns.width)
        how = RowWeights.of(rows, region.rows, peak=peak, level=level, extra=camera.extra)
        light = camera.light(weighted_columns(image, region, how.weights), dark.weighted(how.weights))
        here = Wave(wave.k, wave.reference - region.left)
        fringe = fit_fringe(light, columns, how, here)
        fringe = replace(fringe, centre=fringe.centre + region.left)
    return Port(replace(rows, centre=rows.centre + region.top), fringe, level, found.saturated)
