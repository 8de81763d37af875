"""Statistics of integer frames per pixel, exact: sums and histograms in integers, whatever the order of frames.

The clipped mean and deviation start from median and MAD and are computed on the histogram, so every pass after the
first two costs nothing. Clipping limits stand between integers; what they cut from a normal distribution is given back
(moments of the truncated normal: Johnson, Kotz & Balakrishnan 1994, ch. 13). The upper limit is raised by (k^2 - 1)/6
(Cornish & Fisher 1937, for a Poisson variable, whose skewness is 1/sigma), so that low counts are not cut.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hven.tasks.frames.quadrants import Frames, quadrant_map

_FRAMES_AT_ONCE = 512
_HISTOGRAM_BINS = 4 << 20
_PASSES = 30
_MAD_TO_SIGMA = 1.4826
_NORMAL_KURTOSIS = 3.0
_KURTOSIS_PRIOR_FRAMES = 24.0

SUMS = ("count", "total", "squares", "minimum", "maximum", "saturated")
CLIPPED = ("pedestal", "noise", "pedestal_error", "noise_error", "count")


def sums(frames: Frames, saturation: int) -> dict[str, NDArray[np.int64]]:
    """Per pixel (y, x): count, total, sum of squares, minimum, maximum, and values at or above `saturation`.

    Sums are int64: exact up to 2e9 frames of 16 bits.
    """
    side = frames.images.shape[1]
    out = np.zeros((len(SUMS), side, side), np.int64)
    out[3], out[4] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    _sums(frames.images, frames.valid, quadrant_map(side), saturation, out)
    return dict(zip(SUMS, out, strict=True))


def clipped(frames: Frames, found: dict[str, NDArray[np.int64]], clip: float) -> dict[str, NDArray[np.float64]]:
    """Per pixel (y, x): clipped mean and deviation, their predicted errors, frames used; NaN without frames.

    Parameters
    ----------
    frames
        Images and quadrant validity.
    found
        Result of `sums` on the same frames.
    clip
        Limits in standard deviations.
    """
    side = frames.images.shape[1]
    out = np.full((len(CLIPPED), side, side), np.nan)
    low = np.where(found["count"] > 0, found["minimum"], 0)
    bins = int(np.where(found["count"] > 0, found["maximum"] - low + 1, 1).max(initial=1))
    rows = max(1, min(side, _HISTOGRAM_BINS // (bins * side)))
    quadrant = quadrant_map(side)
    for first in range(0, side, rows):
        histogram = np.zeros((min(rows, side - first), side, bins), np.uint32)
        _fill(frames.images, frames.valid, (quadrant[first:], low[first:]), first, histogram)
        _clip_rows(histogram, low, first, clip, out)
    return dict(zip(CLIPPED, out, strict=True))


@numba.njit(cache=True, nogil=True)
def _sums(
    images: NDArray[Any], valid: NDArray[Any], quadrant: NDArray[Any], saturation: int, out: NDArray[Any]
) -> None:
    frames, height, width = images.shape
    half = width // 2
    for begin in range(0, frames, _FRAMES_AT_ONCE):
        end = min(begin + _FRAMES_AT_ONCE, frames)
        for y in range(height):
            for side in range(2):
                columns = slice(side * half, (side + 1) * half)
                _add(
                    images[begin:end, y, columns],
                    valid[begin:end, quadrant[y, side * half]],
                    saturation,
                    out[:, y, columns],
                )


@numba.njit(cache=True, nogil=True)
def _add(values: NDArray[Any], valid: NDArray[Any], saturation: int, out: NDArray[Any]) -> None:
    for t in range(values.shape[0]):
        if not valid[t]:
            continue
        for x in range(values.shape[1]):
            value = np.int64(values[t, x])
            out[0, x] += 1
            out[1, x] += value
            out[2, x] += value * value
            out[3, x] = min(out[3, x], value)
            out[4, x] = max(out[4, x], value)
            out[5, x] += value >= saturation


@numba.njit(cache=True, nogil=True)
def _fill(
    images: NDArray[Any],
    valid: NDArray[Any],
    place: tuple[NDArray[Any], NDArray[Any]],
    first: int,
    histogram: NDArray[Any],
) -> None:
    quadrant, low = place
    frames, _, width = images.shape
    for begin in range(0, frames, _FRAMES_AT_ONCE):
        for row in range(histogram.shape[0]):
            for t in range(begin, min(begin + _FRAMES_AT_ONCE, frames)):
                for x in range(width):
                    if valid[t, quadrant[row, x]]:
                        histogram[row, x, np.int64(images[t, first + row, x]) - low[row, x]] += np.uint32(1)


@numba.njit(cache=True, nogil=True)
def _clip_rows(histogram: NDArray[Any], low: NDArray[Any], first: int, clip: float, out: NDArray[Any]) -> None:
    for row in range(histogram.shape[0]):
        y = first + row
        for x in range(histogram.shape[1]):
            _clip_pixel(histogram[row, x], low[y, x], clip, out[:, y, x])


@numba.njit(cache=True, nogil=True)
def _clip_pixel(histogram: NDArray[Any], low: int, clip: float, out: NDArray[Any]) -> None:
    frames = histogram.sum()
    out[4] = 0.0
    if frames == 0:
        return
    centre, sigma = _median_and_mad(histogram, frames)
    sigma = max(sigma * _MAD_TO_SIGMA, 1.0)
    skew = (clip * clip - 1.0) / 6.0
    first, last = -1, -1
    for _ in range(_PASSES):
        lower = max(0, math.ceil(centre - clip * sigma))
        upper = min(histogram.size - 1, math.floor(centre + clip * sigma + skew))
        if (lower, upper) == (first, last):
            break
        first, last = lower, upper
        edges = math.ceil(centre - clip * sigma) - 0.5, math.floor(centre + clip * sigma + skew) + 0.5
        mean, variance, fourth, used = _moments(histogram, first, last)
        centre, sigma = _untruncated(mean, variance, centre, sigma, edges)
    _estimates(fourth / (variance * variance) if variance > 0.0 else _NORMAL_KURTOSIS, used, centre, sigma, out)
    out[0] += low


@numba.njit(cache=True, nogil=True)
def _median_and_mad(histogram: NDArray[Any], frames: int) -> tuple[float, float]:
    half = (frames + 1) // 2
    seen, median = np.int64(0), 0
    while True:
        seen += histogram[median]
        if seen >= half:
            break
        median += 1
    seen, distance = np.int64(histogram[median]), 0
    while seen < half:
        distance += 1
        if median - distance >= 0:
            seen += histogram[median - distance]
        if median + distance < histogram.size:
            seen += histogram[median + distance]
    return float(median), float(distance)


@numba.njit(cache=True, nogil=True)
def _moments(histogram: NDArray[Any], first: int, last: int) -> Any:
    used, total = np.int64(0), np.int64(0)
    for bin_ in range(first, last + 1):
        used += histogram[bin_]
        total += np.int64(histogram[bin_]) * bin_
    mean = total / used
    second, fourth = 0.0, 0.0
    for bin_ in range(first, last + 1):
        square = (bin_ - mean) ** 2
        second += histogram[bin_] * square
        fourth += histogram[bin_] * square * square
    return mean, second / (used - 1 if used > 1 else 1), fourth / used, used


@numba.njit(cache=True, nogil=True)
def _untruncated(
    mean: float, variance: float, centre: float, sigma: float, edges: tuple[float, float]
) -> tuple[float, float]:
    """Mean and deviation before clipping, to first order in what the limits cut from a normal distribution."""
    if sigma <= 0.0 or variance <= 0.0:
        return mean, math.sqrt(variance)
    a, b = (edges[0] - centre) / sigma, (edges[1] - centre) / sigma
    root = math.sqrt(2.0 * math.pi)
    density_a, density_b = math.exp(-a * a / 2.0) / root, math.exp(-b * b / 2.0) / root
    inside = 0.5 * (math.erf(b / math.sqrt(2.0)) - math.erf(a / math.sqrt(2.0)))
    shift = (density_a - density_b) / inside
    shrink = 1.0 + (a * density_a - b * density_b) / inside - shift * shift
    return mean - shift * sigma, math.sqrt(variance / max(shrink, 0.1))


@numba.njit(cache=True, nogil=True)
def _estimates(kurtosis: float, used: int, centre: float, sigma: float, out: NDArray[Any]) -> None:
    """Fill the results; the deviation's error follows from the kurtosis, drawn to the normal one for few frames."""
    out[0], out[4] = centre, used
    if used < 2:  # noqa: PLR2004 - no deviation of one value
        return
    weight = used / (used + _KURTOSIS_PRIOR_FRAMES)
    spread = (weight * kurtosis + (1.0 - weight) * _NORMAL_KURTOSIS - 1.0) / (4.0 * used)
    out[1] = sigma * (1.0 + spread / 2.0)
    out[2] = out[1] / math.sqrt(used)
    out[3] = out[1] * math.sqrt(spread)
