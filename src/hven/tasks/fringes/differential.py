"""Differential phase of two interferometers that share a common phase which nobody knows.

Plotted against each other, their populations lie on an ellipse whose opening tells the difference of their phases
(Foster et al. 2002, Opt. Lett. 27, 951). The direct fit of an ellipse (Fitzgibbon et al. 1999, IEEE PAMI 21, 476, in
the form of Halir and Flusser 1998) is quick, but near 0 and pi, where the ellipse is thin, noise opens it. The
likelihood integrates over the common phase of each pair and has no such bias.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hven.tasks.fringes.least_squares import Array

LEAST_PAIRS = 8
_LEAST_POINTS, _MOST_POINTS = 64, 4096
_ROUNDS = 400
_DONE = 1e-7
_STEP = 1e-4


class Difference(NamedTuple):
    """Differential phase and its standard error in radians; from populations it lies between 0 and pi."""

    phase: float
    error: float


def difference_of_phases(phases: tuple[Array, Array], errors: tuple[Array, Array]) -> Difference | None:
    """Differential phase where every drop tells both phases: the weighted circular mean of their differences.

    Parameters
    ----------
    phases, errors
        Of both interferometers, in radians, for each drop; drops without a phase are not-a-number.

    Examples
    --------
    >>> told = difference_of_phases((np.array([3.0, 0.1]), np.array([-3.0, 0.4])), (np.full(2, 0.1), np.full(2, 0.1)))
    >>> round(told.phase, 3), round(told.error, 3)
    (0.292, 0.1)
    """
    known = np.isfinite(phases[0] + phases[1] + errors[0] + errors[1])
    if not known.any():
        return None
    difference = (phases[1] - phases[0])[known]
    weights = 1 / (errors[0] ** 2 + errors[1] ** 2)[known]
    centre = np.angle(np.sum(weights * np.exp(1j * difference)))
    off = np.angle(np.exp(1j * (difference - centre)))
    return Difference(float(centre + np.average(off, weights=weights)), float(1 / math.sqrt(weights.sum())))


def fit_ellipse(one: Array, other: Array) -> float | None:
    """Differential phase in radians from the ellipse through the pairs; None where no ellipse fits.

    Parameters
    ----------
    one, other
        Signals of the two interferometers in each drop, in any units.

    Examples
    --------
    >>> common = np.linspace(0, 6, 50)
    >>> round(fit_ellipse(np.cos(common), np.cos(common + 1.1)), 9)
    1.1
    """
    if one.size < LEAST_PAIRS or not (np.ptp(one) and np.ptp(other)):
        return None
    x, y = (one - one.mean()) / one.std(), (other - other.mean()) / other.std()
    quadratic = np.stack([x**2, x * y, y**2], 1)
    linear = np.stack([x, y, np.ones_like(x)], 1)
    through = -np.linalg.pinv(linear.T @ linear) @ (quadratic.T @ linear).T
    scatter = quadratic.T @ quadratic + quadratic.T @ linear @ through
    vectors = np.real(np.linalg.eig(np.array([scatter[2] / 2, -scatter[1], scatter[0] / 2]))[1])
    elliptic = 4 * vectors[0] * vectors[2] - vectors[1] ** 2
    if not (elliptic > 0).any():
        return None
    a, b, c = vectors[:, int(np.argmax(elliptic))]
    return math.acos(float(np.clip(-b / (2 * math.copysign(math.sqrt(a * c), a)), -1, 1)))


def fit_populations(one: Array, other: Array, noise: float) -> Difference | None:
    """Differential phase from populations by maximum likelihood over the unknown common phase of each drop.

    Middle, swing and difference are found by expectation and maximisation, whose second half is linear; the error is
    that of the curvature with all of them free.

    Parameters
    ----------
    one, other
        ``middle - swing cos(common)`` and ``middle - swing cos(common + difference)``, each with its own middle and
        swing, for each drop.
    noise
        Standard deviation of a population.

    Returns
    -------
    Difference or None
        None where there are too few pairs.
    """
    if one.size < LEAST_PAIRS:
        return None
    swings = [max(math.sqrt(2 * max(v.var() - noise**2, 0.0)), noise) for v in (one, other)]
    start = fit_ellipse(one, other)
    found = np.array([one.mean(), swings[0], other.mean(), swings[1], math.pi / 2 if start is None else start])
    pairs = _Pairs(one, other, noise, _common_phases(max(swings) / noise))
    for _ in range(_ROUNDS):
        before, found = found, _improved(pairs, found)
        if np.abs(found - before).max() < _DONE:
            break
    covariance = np.linalg.pinv(_information(pairs, found), hermitian=True)
    folded = math.acos(math.cos(found[4]))
    return Difference(folded, math.sqrt(max(covariance[4, 4], 0.0)))


class _Pairs(NamedTuple):
    """Populations, their noise, and the common phases over which the likelihood is summed."""

    one: Array
    other: Array
    noise: float
    common: Array


def _common_phases(swing: float) -> Array:
    """Phases so close that the populations between two of them change by less than the noise."""
    points = min(max(math.ceil(2 * math.pi * swing), _LEAST_POINTS), _MOST_POINTS)
    return np.linspace(0, 2 * np.pi, points, endpoint=False)


def _improved(pairs: _Pairs, found: Array) -> Array:
    """One round: how likely each common phase is in each drop, then the curves through the drops so spread out."""
    chi2 = _chi2(pairs, found)
    share = np.exp(chi2.min(axis=1, keepdims=True) - chi2)
    share /= share.sum(axis=1, keepdims=True)
    waves = np.stack([np.ones_like(pairs.common), np.cos(pairs.common), np.sin(pairs.common)])
    weight, first = share.sum(axis=0), waves[:2]
    m1, c1 = np.linalg.solve((first * weight) @ first.T, first @ (share.T @ pairs.one))
    m2, c2, s2 = np.linalg.solve((waves * weight) @ waves.T, waves @ (share.T @ pairs.other))
    return np.array([m1, -c1, m2, math.hypot(c2, s2), math.atan2(s2, -c2)])


def _chi2(pairs: _Pairs, found: Array) -> Array:
    """Half the squared distance of each drop from each point of the curve, dims (drop, common phase)."""
    m1, s1, m2, s2, difference = found
    first, second = m1 - s1 * np.cos(pairs.common), m2 - s2 * np.cos(pairs.common + difference)
    off = (pairs.one[:, np.newaxis] - first) ** 2 + (pairs.other[:, np.newaxis] - second) ** 2
    return np.asarray(off / (2 * pairs.noise**2))


def _log_likelihood(pairs: _Pairs, found: Array) -> float:
    chi2 = _chi2(pairs, found)
    least = chi2.min(axis=1, keepdims=True)
    return float((np.log(np.exp(least - chi2).mean(axis=1, keepdims=True)) - least).sum())


def _information(pairs: _Pairs, found: Array) -> Array:
    """Negative second derivatives of the logarithm of the likelihood."""
    widths = [max(swing, pairs.noise) for swing in (found[1], found[1], found[3], found[3])]
    steps = np.diag(_STEP * np.array([*widths, 1.0]))
    size = len(found)
    second = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            corners = [a * b * _log_likelihood(pairs, found + a * steps[i] + b * steps[j])
                       for a in (1, -1) for b in (1, -1)]  # fmt: skip
            second[i, j] = second[j, i] = -sum(corners) / (4 * steps[i, i] * steps[j, j])
    return second
