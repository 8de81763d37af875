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

from hven.tasks.frames.quadrants import Frames, place_map

_FRAMES_AT_ONCE = 512
_HISTOGRAM_BINS = 4 << 20
_PASSES = 30
_MAD_TO_SIGMA = 1.4826
_NORMAL_KURTOSIS = 3.0
_KURTOSIS_PRIOR_FRAMES = 240.0

SUMS = ("used", "total", "squares", "minimum", "maximum", "saturated")
CLIPPED = ("pedestal", "noise", "pedestal_error", "noise_error", "count")


def measure(
    frames: Frames, *, clip: float, saturation: int, place: NDArray[np.int64] | None = None
) -> dict[str, NDArray[Any]]:
    """Statistics of each pixel (y, x) over the frames whose quadrant is there.

    Parameters
    ----------
    frames
        Images and what of them is valid.
    clip
        Limits in standard deviations.
    saturation
        Value from which a pixel counts as saturated.
    place
        Column of the frames' `valid` that holds for each pixel (y, x); None: as `place_map` says.

    Returns
    -------
    dict
        Of all values: `used`, `total`, `squares` (sum of), `minimum`, `maximum`, `saturated` (how many), whole numbers,
        exact up to 2e9 frames of 16 bits, and `skew`, NaN where all values are the same. After clipping: `pedestal`,
        `noise`, `pedestal_error`, `noise_error` (NaN where there is nothing to tell) and `count`.
    """
    height, width = shape = frames.images.shape[1:]
    place = place_map(frames) if place is None else place
    low, high = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    _extremes(frames.images, low, high)
    bins = int((high - low).max(initial=0)) + 1
    rows = max(1, min(height, _HISTOGRAM_BINS // (bins * width)))
    sums = np.zeros((len(SUMS), *shape), np.int64)
    clipped = np.full((len(CLIPPED), *shape), np.nan)
    skew = np.full(shape, np.nan)
    for first in range(0, height, rows):
        histogram = np.zeros((min(rows, height - first), width, bins), np.uint32)
        _fill(frames.images, frames.valid, (place[first:], low[first:]), first, histogram)
        _sum_rows(histogram, low, first, saturation, sums)
        _skew_rows(histogram, skew[first : first + rows])
        _clip_rows(histogram, low, first, clip, clipped)
    return {**dict(zip(SUMS, sums, strict=True)), **dict(zip(CLIPPED, clipped, strict=True)), "skew": skew}


@numba.njit(cache=True, nogil=True)
def _extremes(images: NDArray[Any], low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
    """Smallest and largest value of each pixel, those of missing quadrants included."""
    frames, height, width = images.shape
    if frames == 0:
        return
    least, most = images[0].copy(), images[0].copy()
    for t in range(1, frames):
        for y in range(height):
            for x in range(width):
                value = images[t, y, x]
                least[y, x] = min(value, least[y, x])
                most[y, x] = max(value, most[y, x])
    for y in range(height):
        for x in range(width):
            low[y, x] = least[y, x]
            high[y, x] = most[y, x]


@numba.njit(cache=True, nogil=True)
def _fill(
    images: NDArray[Any],
    valid: NDArray[Any],
    place: tuple[NDArray[Any], NDArray[Any]],
    first: int,
    histogram: NDArray[Any],
) -> None:
    quadrant, low = place
    rows, width, bins = histogram.shape
    flat = histogram.reshape(histogram.size)
    base = np.empty((rows, width), np.int64)
    for row in range(rows):
        for x in range(width):
            base[row, x] = (row * width + x) * bins - low[row, x]
    for begin in range(0, images.shape[0], _FRAMES_AT_ONCE):
        end = min(begin + _FRAMES_AT_ONCE, images.shape[0])
        whole = valid[begin:end].all()
        for row in range(rows):
            for t in range(begin, end):
                for x in range(width):
                    if whole or valid[t, quadrant[row, x]]:
                        flat[np.uint64(base[row, x] + images[t, first + row, x])] += np.uint32(1)


@numba.njit(cache=True, nogil=True)
def _sum_rows(histogram: NDArray[Any], low: NDArray[Any], first: int, saturation: int, out: NDArray[Any]) -> None:
    for row in range(histogram.shape[0]):
        y = first + row
        for x in range(histogram.shape[1]):
            for bin_ in range(histogram.shape[2]):
                number = np.int64(histogram[row, x, bin_])
                if number == 0:
                    continue
                value = low[y, x] + bin_
                if out[0, y, x] == 0:
                    out[3, y, x] = value
                out[0, y, x] += number
                out[1, y, x] += number * value
                out[2, y, x] += number * value * value
                out[4, y, x] = value
                out[5, y, x] += number if value >= saturation else 0


@numba.njit(cache=True, nogil=True)
def _skew_rows(histogram: NDArray[Any], skew: NDArray[Any]) -> None:
    """Third central moment over the second to 3/2, NaN where that is 0; integers make it the same in any order."""
    for row in range(histogram.shape[0]):
        for x in range(histogram.shape[1]):
            counts, used, total = histogram[row, x], np.int64(0), np.int64(0)
            for bin_ in range(counts.size):
                used += counts[bin_]
                total += np.int64(counts[bin_]) * bin_
            mean = total / used if used else 0.0
            second, third = 0.0, 0.0
            for bin_ in range(counts.size):
                if counts[bin_]:
                    away = bin_ - mean
                    second += counts[bin_] * away * away
                    third += counts[bin_] * away * away * away
            if second > 0.0:
                skew[row, x] = third * math.sqrt(used / second) / second


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
