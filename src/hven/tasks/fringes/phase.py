"""Phase and contrast of the spatial fringes across one cloud.

The light of a column is a Gaussian envelope times ``1 + C cos(k (x - x_ref) + phi)`` on a flat background. With the
fringe period known the model is linear in ``C cos phi`` and ``C sin phi``, so phases have no ambiguity and no start
value. Rows are summed with the weights that lose the least under photon noise (Horne 1986, PASP 98, 609, for spectra).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from hven.tasks.fringes.envelope import Envelope, gaussian
from hven.tasks.fringes.least_squares import Array, fit


@dataclass(frozen=True, slots=True)
class Fringe:
    """Fringe across a cloud.

    Parameters
    ----------
    phase, phase_error
        In radians, at the column to which phases refer.
    contrast, contrast_error
        Between 0 and 1.
    centre, width
        Of the envelope along the columns, in pixels.
    chi2_per_point
        About 1 where the model holds.
    converged
        Whether the fit ended.
    """

    phase: float
    phase_error: float
    contrast: float
    contrast_error: float
    centre: float
    centre_error: float
    width: float
    width_error: float
    chi2_per_point: float
    converged: bool


class Wave(NamedTuple):
    """Wave number of a fringe in radians per pixel, and the column at which its phase is told."""

    k: float
    reference: float


@dataclass(frozen=True, slots=True)
class RowWeights:
    """How the rows of a cloud are summed.

    Parameters
    ----------
    weights, share
        Weight of each row, and the cloud's share of light in it.
    level, extra
        Background of a pixel, and what its variance has beyond photon noise, in photo-electrons.
    """

    weights: Array
    share: Array
    level: float
    extra: float

    @classmethod
    def of(cls, rows: Envelope, count: int, *, peak: float, level: float, extra: float) -> Self:
        """Weights for a cloud that gives `peak` photo-electrons in a bright column."""
        share = gaussian(np.arange(count, dtype=np.float64), rows.centre, rows.width)
        weights = share / (level + extra + peak * share)
        return cls(weights / (weights @ share), share, level, extra)

    @property
    def floor(self) -> float:
        """Background of a weighted column."""
        return float(self.weights.sum() * self.level)

    def variance(self, expected: Array) -> Array:
        """Variance of weighted columns of which so much is expected."""
        squares = self.weights**2
        light = np.maximum(expected - self.floor, 0.0)
        return np.asarray(squares.sum() * (self.level + self.extra) + (squares @ self.share) * light)


def fit_fringe(columns: Array, start: Envelope, rows: RowWeights, wave: Wave) -> Fringe:
    """Fit envelope and fringe to the weighted sums of the columns.

    Parameters
    ----------
    columns
        Light of each column, summed with the weights of `rows`, in photo-electrons.
    start
        The cloud across the columns.
    """
    x = np.arange(columns.size, dtype=np.float64)
    waves = np.cos(wave.k * (x - wave.reference)), np.sin(wave.k * (x - wave.reference))
    first = [rows.floor, start.area, start.centre, start.width, 0.0, 0.0]
    found = fit(lambda p: _model(x, p, waves), first, columns, rows.variance)
    u, v = (float(value) for value in found.values[4:])
    contrast = max(math.hypot(u, v), 1e-12)
    along, across = np.array([u, v]) / contrast, np.array([-v, u]) / contrast
    return Fringe(
        phase=math.atan2(v, u), phase_error=_error(found.covariance, across) / contrast,
        contrast=contrast, contrast_error=_error(found.covariance, along),
        centre=float(found.values[2]), centre_error=float(found.errors[2]),
        width=float(abs(found.values[3])), width_error=float(found.errors[3]),
        chi2_per_point=found.chi2 / (columns.size - 6), converged=found.converged,
    )  # fmt: skip


def _error(covariance: Array, direction: Array) -> float:
    """Standard error of ``(u, v)`` along a direction."""
    return math.sqrt(max(float(direction @ covariance[4:, 4:] @ direction), 0.0))


def _model(x: Array, parameters: Array, wave: tuple[Array, Array]) -> tuple[Array, Array]:
    """``level + area G (1 + u cos - v sin)`` and its derivatives."""
    level, area, centre, width, u, v = parameters
    bell, t = gaussian(x, centre, width), (x - centre) / width
    factor = 1 + u * wave[0] - v * wave[1]
    light = area * bell * factor
    slopes = [
        np.ones_like(x), bell * factor, light * t / width, light * (t**2 - 1) / width,
        area * bell * wave[0], -area * bell * wave[1],
    ]  # fmt: skip
    return level + light, np.stack(slopes, 1)
