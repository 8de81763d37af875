"""The pixels of a simulated telescope and the sky above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hven.instruments.panoseti.simulator.faults import HOT_PIXEL, Faults
from hven.instruments.panoseti.simulator.seeds import random
from hven.instruments.panoseti.simulator.stars import SIDE

SKY_COUNTS_PER_S = 3000.0
"""Counts of the night sky per pixel and second in a perfect pixel."""
CLOUD_WIDTH = 0.15
"""Gaussian width of a cloud's passage, as a part of the run."""

Pixels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """What each pixel does, dims (y, x).

    Parameters
    ----------
    efficiency
        Counts per count of a perfect pixel (image mode).
    pedestal, noise
        Mean and standard deviation without light, ADU (pulse-height mode).
    gain
        ADU per photo-electron (pulse-height mode).
    """

    efficiency: Pixels
    pedestal: Pixels
    noise: Pixels
    gain: Pixels


def camera(seed: int, module: int, faults: Faults) -> Camera:
    """Camera of a module; the same in every run of a seed but for a hot pixel."""
    draw = random(seed, "camera", module)
    shape = (SIDE, SIDE)
    found = Camera(
        efficiency=draw.normal(1.0, 0.08, shape).clip(0.7, 1.3),
        pedestal=draw.normal(15.0, 8.0, shape),
        noise=draw.normal(6.5, 0.7, shape).clip(4.0, 9.0),
        gain=draw.normal(10.0, 0.8, shape).clip(7.0, 13.0),
    )
    found.efficiency[HOT_PIXEL] *= faults.hot_pixel
    found.noise[HOT_PIXEL] *= faults.hot_pixel
    return found


def transparency(faults: Faults, phase: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of the light that comes through at a phase (0 to 1) of the run."""
    return 1.0 - faults.clouds * np.exp(-0.5 * ((np.asarray(phase) - 0.5) / CLOUD_WIDTH) ** 2)
