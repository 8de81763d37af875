"""A cloud in an image of optical density: a Gaussian in two dimensions on a flat background."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hven.tasks.fringes.absorption import Image
from hven.tasks.fringes.least_squares import Array, fit

_MOST_CELLS = 4_000
_WIDEST = 0.5
BLOCK = 16
"""Side of the blocks, in pixels, by whose sums noise is judged that reaches over several pixels."""


class Cloud(NamedTuple):
    """Density summed over the cloud, places and widths in pixels, each with its standard error."""

    total: float
    total_error: float
    x: float
    x_error: float
    y: float
    y_error: float
    width_x: float
    width_x_error: float
    width_y: float
    width_y_error: float
    level: float


def fit_cloud(density: Image, noise: float) -> Cloud | None:
    """Fit a cloud; None where there is none inside the image.

    Parameters
    ----------
    density
        Dims (y, x); pixels that are not to count are not-a-number.
    noise
        Standard deviation of a pixel as the noise of sums over blocks has it.

    Examples
    --------
    >>> y, x = np.mgrid[:120, :160]
    >>> found = fit_cloud(2 * np.exp(-((x - 70) ** 2 / 200 + (y - 50) ** 2 / 128)) + 0.1, 0.01)
    >>> [round(v, 2) for v in (found.x, found.y, found.width_x, found.width_y, found.level)]
    [70.0, 50.0, 10.0, 8.0, 0.1]
    """
    step = max(1, math.isqrt(density.size // _MOST_CELLS))
    cells, counts = _binned(density, step)
    y, x = (step * (index + 0.5).astype(np.float64) - 0.5 for index in np.nonzero(counts))
    data, weight = cells[counts > 0], counts[counts > 0]
    start = _start(data, x, y)
    if start is None:
        return None
    found = fit(lambda p: _model(x, y, p), start, data, lambda _: noise**2 / weight)
    level, peak, x0, y0, wx, wy = found.values
    inside = 0 <= x0 < density.shape[1] and 0 <= y0 < density.shape[0]
    narrow = 0 < abs(wx) < _WIDEST * density.shape[1] and 0 < abs(wy) < _WIDEST * density.shape[0]
    if not (found.converged and inside and narrow and peak > 0):
        return None
    errors, area = found.errors, 2 * math.pi * abs(wx * wy)
    slopes = area * np.array([1.0, peak / wx, peak / wy])
    some = np.ix_([1, 4, 5], [1, 4, 5])
    total_error = math.sqrt(max(slopes @ found.covariance[some] @ slopes, 0.0))
    wide = [math.sqrt(max(w**2 - (step**2 - 1) / 12, 0.0)) for w in (wx, wy)]  # cells widen what they hold
    values = [peak * area, total_error, x0, errors[2], y0, errors[3], wide[0], errors[4], wide[1], errors[5], level]
    return Cloud(*(float(value) for value in values))


def block_noise(density: Image, chosen: NDArray[np.bool_]) -> float:
    """Standard deviation of a pixel that gives the noise of sums over blocks, from pixels that show no cloud.

    Where neighbouring pixels are off together, as with fringes, it is larger than the plain one.

    Parameters
    ----------
    density, chosen
        Dims (y, x); whole blocks of chosen pixels count.
    """
    cells, counts = _binned(np.where(chosen, density, np.nan), BLOCK)
    whole = cells[counts == BLOCK**2]
    return float(whole.std() * BLOCK) if whole.size > 1 else math.inf


def _binned(image: Image, step: int) -> tuple[Array, Array]:
    """Means of the pixels of each cell that are numbers, and how many these are."""
    height, width = (n // step * step for n in image.shape)
    cells = image[:height, :width].reshape(height // step, step, width // step, step)
    known = np.isfinite(cells)
    counts = known.sum(axis=(1, 3)).astype(np.float64)
    return np.where(known, cells, 0.0).sum(axis=(1, 3)) / np.maximum(counts, 1), counts


def _start(data: Array, x: Array, y: Array) -> list[float] | None:
    """First guess from the cells above half of the highest tenth."""
    if data.size < len("lpxyuv"):
        return None
    level = float(np.median(data))
    peak = float(np.quantile(data, 0.995)) - level
    high = data > level + peak / 2
    if peak <= 0 or not high.any():
        return None
    wide = [max(2 * float(v[high].std()), 1.0) for v in (x, y)]
    return [level, peak, float(x[high].mean()), float(y[high].mean()), *wide]


def _model(x: Array, y: Array, parameters: Array) -> tuple[Array, Array]:
    level, peak, x0, y0, wx, wy = parameters
    u, v = (x - x0) / wx, (y - y0) / wy
    bell = np.exp(-(u**2 + v**2) / 2)
    light = peak * bell
    slopes = [np.ones_like(x), bell, light * u / wx, light * v / wy, light * u**2 / wx, light * v**2 / wy]
    return level + light, np.stack(slopes, 1)
