"""Absorption images: optical density from atoms, probe and dark image, with the probe's own fringes taken out.

The probe of the very moment is not known where atoms stand. It is made of the probes of many other images as the
linear combination that fits best outside the atoms (Ockeloen et al. 2010, Phys. Rev. A 82, 061606).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]

_LEAST_LIGHT = 1.0
_LEAST_THROUGH = 1e-9
_RIDGE = 1e-10


class Transition(NamedTuple):
    """Light and atoms: wavelength in metres, detuning in natural line widths, saturation intensity in counts.

    A saturation intensity of infinity leaves out the saturation of bright probes.
    """

    wavelength_m: float
    detuning: float = 0.0
    saturation_counts: float = math.inf

    @property
    def cross_section_m2(self) -> float:
        """Cross-section of an atom at this detuning: ``3 lambda^2 / 2 pi`` over ``1 + 4 detuning^2``."""
        return 3 * self.wavelength_m**2 / (2 * math.pi) / (1 + 4 * self.detuning**2)


def best_probe(atoms: Image, probes: NDArray[Any], outside: NDArray[np.bool_]) -> Image:
    """Probe that fits an image best outside the atoms, as a combination of probes.

    Parameters
    ----------
    atoms
        Image with atoms, dark image subtracted, dims (y, x).
    probes
        Images without atoms, dark image subtracted, dims (reference, y, x).
    outside
        Pixels that show no atoms, dims (y, x).

    Examples
    --------
    >>> probes = np.random.default_rng(1).uniform(90, 110, (3, 20, 20))
    >>> image = 0.25 * probes[0] + 0.75 * probes[2]
    >>> outside = np.ones((20, 20), bool)
    >>> bool(np.allclose(best_probe(image, probes, outside), image))
    True
    """
    known = probes[:, outside].astype(np.float64)
    normal = known @ known.T
    normal[np.diag_indices_from(normal)] *= 1 + _RIDGE
    shares = np.linalg.solve(normal, known @ atoms[outside])
    return np.tensordot(shares, probes, 1)


def transmission(atoms: Image, probe: Image, *, least_light: float = _LEAST_LIGHT, clip: bool = False) -> Image:
    """Part of the light that comes through, ``A / P``; 1 where the probe has too little light to tell.

    Parameters
    ----------
    atoms, probe
        Dark image subtracted, in counts, dims (y, x).
    least_light
        Counts of the probe up to which nothing can be told.
    clip
        Take what is brighter than the probe for 1. That biases the sum over empty pixels, as noise only adds to it.
    """
    lit = probe > least_light
    through = np.divide(atoms, probe, out=np.ones_like(probe), where=lit)
    return np.clip(through, 0.0, 1.0) if clip else through


def smoothed(image: Image, sigma: float) -> Image:
    """Image convolved with a Gaussian, mirrored at its edges, cut at four standard deviations.

    Parameters
    ----------
    image
        Dims (y, x).
    sigma
        Standard deviation in pixels; 0 leaves the image as it is.

    Examples
    --------
    >>> spot = np.zeros((9, 9))
    >>> spot[4, 4] = 1.0
    >>> round(float(smoothed(spot, 1.0)[4, 4]), 4), round(float(smoothed(spot, 1.0).sum()), 6)
    (0.1592, 1.0)
    """
    if not sigma:
        return image
    reach = round(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for _ in range(2):
        padded = np.pad(image, ((reach, reach), (0, 0)), mode="symmetric")
        image = sum(w * padded[n : n + image.shape[0]] for n, w in enumerate(weights)).T
    return image


def optical_density(
    through: Image, missing: Image, transition: Transition, ceiling: float = math.inf
) -> tuple[Image, NDArray[np.bool_]]:
    """Optical density ``-ln(A / P) + (P - A) / I_sat``, and where it reaches its ceiling.

    Where hardly any light is left the density cannot be told; it is cut at the ceiling.

    Parameters
    ----------
    through
        Transmission ``A / P``, dims (y, x).
    missing
        Light that is missing, ``P - A``, in counts.
    transition
        Of the light.
    ceiling
        Largest density that can be told, from the dark noise and the depth of the digits.

    Examples
    --------
    >>> density, full = optical_density(np.array([[0.5, 0.0]]), np.zeros((1, 2)), Transition(780e-9), ceiling=4.0)
    >>> density.round(3).tolist(), full.tolist()
    ([[0.693, 4.0]], [[False, True]])
    """
    density = -np.log(np.maximum(through, _LEAST_THROUGH)) + missing / transition.saturation_counts
    full = density >= ceiling
    return np.minimum(density, ceiling), full


def atom_number(density: Image, pixel_m: float, transition: Transition) -> float:
    """Atoms in an image of optical density: its sum times the area of a pixel over the cross-section.

    Parameters
    ----------
    density
        Dims (y, x); pixels that are not to count are not-a-number.
    pixel_m
        Side of a pixel at the atoms, in metres.

    Examples
    --------
    >>> sodium = Transition(589.158e-9)
    >>> round(atom_number(np.full((10, 10), 1.0), 11.25e-6, sodium))
    76366
    """
    return float(np.nansum(density) * pixel_m**2 / transition.cross_section_m2)
