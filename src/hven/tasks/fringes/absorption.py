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


def optical_density(atoms: Image, probe: Image, transition: Transition, ceiling: float = math.inf) -> tuple[Image, int]:
    """Optical density ``-ln(A / P) + (P - A) / I_sat`` and the number of pixels at its ceiling.

    Where hardly any light is left the density cannot be told; it is cut at the ceiling, and such pixels are counted.

    Parameters
    ----------
    atoms, probe
        Dark image subtracted, in counts, dims (y, x).
    transition
        Of the light.
    ceiling
        Largest density that can be told, from the dark noise and the depth of the digits.
    """
    bright = np.maximum(probe, _LEAST_LIGHT)
    density = -np.log(np.maximum(atoms, _LEAST_LIGHT) / bright) + (probe - atoms) / transition.saturation_counts
    return np.minimum(density, ceiling), int((density >= ceiling).sum())


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
