"""A Gaussian on a flat background: the profile of a cloud of atoms across one axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hven.tasks.fringes.least_squares import Array, Fit, fit

SIGNIFICANT = 5.0
"""A cloud has this many standard errors of light, or it is none."""
_ONE_SIDED_95 = 1.645
_MARGIN = 0.1
_SMOOTHED = 1 / 50
_WIDEST = 0.5


@dataclass(frozen=True, slots=True)
class Noise:
    """What makes the variance of a profile: its expectation times `slope`, plus `constant`."""

    constant: float
    slope: float

    def __call__(self, expected: Array) -> Array:
        """Variance where so much is expected."""
        variance: Array = self.constant + self.slope * np.maximum(expected, 0.0)
        return variance


@dataclass(frozen=True, slots=True)
class Envelope:
    """A cloud along one axis.

    Parameters
    ----------
    area, area_error
        Light of the cloud, in the profile's units.
    centre, width
        Mean and standard deviation, in pixels of the profile.
    level
        Background of one point of the profile.
    chi2_per_point
        About 1 where the cloud is a Gaussian.
    found
        Whether there is a cloud; else `area` is the light above the background and the rest is not-a-number.
    """

    area: float
    area_error: float
    centre: float
    centre_error: float
    width: float
    width_error: float
    level: float
    chi2_per_point: float
    found: bool

    @property
    def limit(self) -> float:
        """Upper limit of the light at 95 % confidence; for what shows no cloud."""
        return max(self.area, 0.0) + _ONE_SIDED_95 * self.area_error


def fit_envelope(profile: Array, noise: Noise) -> Envelope:
    """Fit a Gaussian and a level to a profile.

    Where the fit gives no significant cloud inside the profile, it says so instead of giving a confident one.

    Examples
    --------
    >>> x = np.arange(200)
    >>> light = 10 + 500 * np.exp(-((x - 90.5) ** 2) / (2 * 12**2))
    >>> found = fit_envelope(light, Noise(0.0, 1.0))
    >>> round(found.centre, 3), round(found.width, 3), found.found
    (90.5, 12.0, True)
    """
    level, area, centre, width = _guess(profile)
    if area <= SIGNIFICANT * np.sqrt(noise(profile).sum() * min(4 * width / profile.size, 1.0)):
        return _nothing(profile, noise, level)
    x = np.arange(profile.size, dtype=np.float64)
    found = fit(lambda p: _gauss(x, p), [level, area, centre, width], profile, noise)
    return _checked(found, profile, noise, level)


def _checked(found: Fit, profile: Array, noise: Noise, level: float) -> Envelope:
    _, area, centre, width = found.values
    errors = found.errors
    inside = 0 <= centre < profile.size and 0 < abs(width) < _WIDEST * profile.size
    if not (found.converged and inside and area > SIGNIFICANT * errors[1]):
        return _nothing(profile, noise, level)
    return Envelope(
        area=float(area), area_error=float(errors[1]), centre=float(centre), centre_error=float(errors[2]),
        width=float(abs(width)), width_error=float(errors[3]), level=float(found.values[0]),
        chi2_per_point=found.chi2 / (profile.size - 4), found=True,
    )  # fmt: skip


def _nothing(profile: Array, noise: Noise, level: float) -> Envelope:
    nan = float("nan")
    each = noise(profile).mean()
    of_level = np.pi / 2 * each / (2 * _margin(profile))  # variance of a median
    error = float(np.sqrt(profile.size * each + profile.size**2 * of_level))
    return Envelope(float((profile - level).sum()), error, nan, nan, nan, nan, level, nan, found=False)


def _guess(profile: Array) -> tuple[float, float, float, float]:
    """Level from the margins; place and width from where the smoothed profile is above half of its peak."""
    margin = _margin(profile)
    level = float(np.median(np.concatenate([profile[:margin], profile[-margin:]])))
    smooth = _smoothed(profile - level, max(1, round(_SMOOTHED * profile.size)))
    high = np.flatnonzero(smooth > smooth.max() / 2)
    centre = float(np.average(high, weights=smooth[high])) if smooth.max() > 0 else profile.size / 2
    width = max(high.size / 2.355, 1.0)
    near = np.abs(np.arange(profile.size) - centre) < 3 * width
    return level, float((profile - level)[near].sum()), centre, width


def _margin(profile: Array) -> int:
    return max(2, round(_MARGIN * profile.size))


def _smoothed(values: Array, length: int) -> Array:
    return np.convolve(values, np.full(length, 1 / length), mode="same")


def _gauss(x: Array, parameters: Array) -> tuple[Array, Array]:
    level, area, centre, width = parameters
    bell = gaussian(x, centre, width)
    t = (x - centre) / width
    slopes = [np.ones_like(x), bell, area * bell * t / width, area * bell * (t**2 - 1) / width]
    return level + area * bell, np.stack(slopes, 1)


def gaussian(x: NDArray[np.float64], centre: float, width: float) -> Array:
    """Gaussian of area 1 at points one apart; integrated over a point's width to second order.

    Examples
    --------
    >>> round(float(gaussian(np.arange(100.0), 50.2, 4.0).sum()), 9)
    1.0
    """
    t = (x - centre) / width
    return np.asarray(np.exp(-(t**2) / 2) / (np.sqrt(2 * np.pi) * width))
