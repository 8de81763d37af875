"""Temperature of a cloud from how it grows while it falls."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from hven.core.constants import ATOMIC_MASS_KG, BOLTZMANN_J_PER_K

LEAST_TIMES = 3
"""Different flight times that a temperature needs."""


class Temperature(NamedTuple):
    """Temperature in kelvin and width at the start in metres, with standard errors."""

    kelvin: float
    kelvin_error: float
    start_width: float
    chi2_per_point: float


def fit_temperature(flight_s: Any, width: Any, width_error: Any, mass_u: float) -> Temperature | None:
    """Fit ``width^2 = start^2 + (k T / m) flight^2`` by weighted least squares, which is linear in the squares.

    Parameters
    ----------
    flight_s
        Time of flight of each drop in seconds.
    width, width_error
        Standard deviation of the cloud and its error in metres.
    mass_u
        Mass of an atom in unified atomic mass units.

    Returns
    -------
    Temperature or None
        None where there are fewer than three different flight times.

    Examples
    --------
    >>> t = np.array([0.01, 0.02, 0.03, 0.04])
    >>> sigma = np.sqrt(1e-4**2 + BOLTZMANN_J_PER_K * 1e-6 / (88 * ATOMIC_MASS_KG) * t**2)
    >>> round(fit_temperature(t, sigma, 1e-7, 88).kelvin, 12)
    1e-06
    """
    flight, sigma = np.asarray(flight_s, np.float64), np.asarray(width, np.float64)
    error = np.broadcast_to(np.asarray(width_error, np.float64), sigma.shape)
    known = np.isfinite(flight) & np.isfinite(sigma) & (error > 0)
    flight, sigma, error = flight[known], sigma[known], error[known]
    if np.unique(flight).size < LEAST_TIMES:
        return None
    squares, weights = sigma**2, 1 / (2 * sigma * error) ** 2
    design = np.stack([np.ones_like(flight), flight**2], 1)
    scale = np.array([1.0, 1 / np.max(flight) ** 2])
    covariance = np.linalg.inv((design * scale).T @ (design * scale * weights[:, np.newaxis])) * np.outer(scale, scale)
    start, slope = covariance @ design.T @ (weights * squares)
    chi2 = float(weights @ (squares - start - slope * flight**2) ** 2)
    per_slope = mass_u * ATOMIC_MASS_KG / BOLTZMANN_J_PER_K
    return Temperature(
        float(slope * per_slope), math.sqrt(covariance[1, 1]) * per_slope, math.sqrt(max(start, 0.0)),
        chi2 / max(flight.size - 2, 1),
    )  # fmt: skip
