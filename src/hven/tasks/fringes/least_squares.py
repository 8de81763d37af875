"""Weighted Gauss-Newton fits of a curve with known noise, a few parameters and analytic derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Model = Callable[[Array], tuple[Array, Array]]
"""Gives values (point) and derivatives (point, parameter) for some parameters."""

_STEPS = 40
_HALVINGS = 12
_DONE = 1e-7


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit found.

    Parameters
    ----------
    values, covariance
        Parameters (p,) and their covariance (p, p), as the noise predicts it.
    chi2
        Sum of squared residuals in units of the noise.
    converged
        Whether the last step was far below the errors.
    """

    values: Array
    covariance: Array
    chi2: float
    converged: bool

    @property
    def errors(self) -> Array:
        """Standard errors of the parameters."""
        return np.sqrt(np.diag(self.covariance).clip(min=0.0))


def fit(model: Model, start: Any, data: Array, variance: Callable[[Array], Array]) -> Fit:
    """Fit a model to data whose variance follows from the model itself.

    The weights of a step are those of the model before it: weights from the data would pull every Poisson mean down.

    Parameters
    ----------
    model
        Values and derivatives.
    start
        First guess.
    data
        Dims (point,).
    variance
        Variance of the data (point,) where the model has the values given.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> line = lambda p: (p[0] + p[1] * x, np.stack([np.ones(4), x], 1))
    >>> found = fit(line, [0.0, 0.0], 1 + 2 * x, np.ones_like)
    >>> found.values.round(6).tolist(), found.converged
    ([1.0, 2.0], True)
    """
    values = np.asarray(start, dtype=np.float64)
    converged = False
    for _ in range(_STEPS):
        curve, slopes = model(values)
        weights = 1 / variance(curve)
        normal = slopes.T @ (slopes * weights[:, np.newaxis])
        step = _solve(normal, slopes.T @ (weights * (data - curve)))
        values = values + _shortened(model, data, weights, (values, step))
        if step @ normal @ step < _DONE:
            converged = True
            break
    curve, slopes = model(values)
    weights = 1 / variance(curve)
    covariance = np.linalg.pinv(slopes.T @ (slopes * weights[:, np.newaxis]), hermitian=True)
    return Fit(values, covariance, float(weights @ (data - curve) ** 2), converged and bool(np.isfinite(values).all()))


def _shortened(model: Model, data: Array, weights: Array, walk: tuple[Array, Array]) -> Array:
    """A step from some values, only as far as it makes the fit better."""
    values, step = walk
    before = weights @ (data - model(values)[0]) ** 2
    for halving in range(_HALVINGS):
        part: Array = step / 2**halving
        if weights @ (data - model(values + part)[0]) ** 2 <= before * (1 + 1e-12):
            return part
    return np.zeros_like(step)


def _solve(normal: Array, right: Array) -> Array:
    scale = 1 / np.sqrt(np.diag(normal).clip(min=1e-300))
    solved: Array = scale * np.linalg.lstsq(normal * np.outer(scale, scale), scale * right, rcond=1e-12)[0]
    return solved
