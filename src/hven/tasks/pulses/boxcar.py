"""Multi-scale boxcar search in every pixel with a sliding background of its own.

At level k the boxes are 2^k frames long and begin every quarter of that (every frame below level 2), on a grid of
absolute frame numbers. The background of a box is the boxes of the same phase right before it, as many as fit into 2048
frames, but no more than 512: the dispersion, on which the significance hangs, is then known to 6 % for short pulses.
The significance is that of an on/off measurement (Li & Ma 1983, ApJ 272, 317, eq. 17) with counts divided by the
dispersion, variance over mean of the background and at least that of light; so it holds for few counts as for many.
All sums are whole numbers, exact below 2^53, hence the same however the frames are cut: for pulses of 1024 frames up to
a mean of 2,900 counts a frame, for all shorter ones up to more. A search that asks for it adds in 64 bit integers, for
pulses of 32,768 frames up to a mean of 1,400.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hven.tasks.frames.quadrants import Frames, quadrant_map

LEAST_BACKGROUND = 32
"""Boxes that must be there before one."""
MOST_BACKGROUND = 512
"""Boxes that make the background at most."""
BACKGROUND_FRAMES = 2048
"""Frames that they come from at most."""
LAST_LEVEL = 6
"""Longest level: 64 frames."""
AFTER = 2 * 2**LAST_LEVEL
"""Frames needed after a block: those of boxes that overlap its own."""
HALO = BACKGROUND_FRAMES + AFTER
"""Frames needed before a block."""


Buffers = tuple[NDArray[np.uint32], NDArray[np.uint32]]


class Boxes(NamedTuple):
    """Sums of one level (box, pixel), 0 where the quadrant is not `valid` (box, quadrant).

    Box i begins at frame `first + i * step`; `quadrant` is that of each pixel.
    """

    level: int
    first: int
    step: int
    sums: NDArray[Any]
    valid: NDArray[np.bool_]
    quadrant: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Search:
    """Thresholds of the levels, in normal deviations, infinite where not searched; counts for one photon; what adds."""

    thresholds: tuple[float, ...]
    gain: float
    accumulator: type[np.float64 | np.int64] = np.float64


class Candidates(NamedTuple):
    """Boxes above threshold: begin frame, pixel, level, amplitude over background, significance."""

    frame: NDArray[Any]
    pixel: NDArray[Any]
    level: NDArray[Any]
    amplitude: NDArray[Any]
    nsigma: NDArray[Any]


def search(frames: Frames, first: int, own: range, how: Search, buffers: Buffers) -> Candidates:
    """Candidates that begin in the own frames, the best among overlapping ones of a level.

    Parameters
    ----------
    frames
        Counts (time, y, x) and which quadrants are there.
    first
        Absolute number of the first frame.
    own
        Absolute numbers of the own frames; those around must reach `HALO` before and `AFTER` after where there are any.
    how
        What to look for.
    buffers
        Two arrays (time, pixel) at least as long as the frames, in which the levels take turns.
    """
    levels = _levels(frames, first, len(how.thresholds), buffers)
    wanted = (boxes for boxes in levels if how.thresholds[boxes.level] < math.inf)
    return ordered([_best(_above(boxes, own, how), own) for boxes in wanted])


def ordered(found: Sequence[Candidates]) -> Candidates:
    """Candidates of all parts in order of frame, pixel and level."""
    joined = Candidates(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.lexsort((joined.level, joined.pixel, joined.frame))
    return Candidates(*(column[order] for column in joined))


def _levels(frames: Frames, first: int, levels: int, buffers: Buffers) -> Iterator[Boxes]:
    quadrant = quadrant_map(frames.images.shape[1]).ravel()
    sums = frames.images.reshape(len(frames.images), quadrant.size)
    broken = np.flatnonzero(~frames.valid.all(1))
    if len(broken):
        np.copyto(buffers[0][: len(sums)], sums)
        sums = buffers[0][: len(sums)]
    for row in broken:
        sums[row, ~frames.valid[row, quadrant]] = 0
    boxes = Boxes(0, first, 1, sums, frames.valid, quadrant)
    yield boxes
    for level in range(1, levels):
        boxes = _doubled(boxes, level, buffers[level % 2])
        yield boxes


def _doubled(half: Boxes, level: int, buffer: NDArray[np.uint32]) -> Boxes:
    length = 2**level
    step = max(1, length // 4)
    first = -(-half.first // step) * step
    begin, stride, shift = (first - half.first) // half.step, step // half.step, length // 2 // half.step
    count = max(0, (len(half.sums) - begin - shift - 1) // stride + 1)
    early = slice(begin, begin + count * stride, stride)
    late = slice(begin + shift, begin + shift + count * stride, stride)
    sums = np.add(half.sums[early][:count], half.sums[late][:count], out=buffer[:count], dtype=np.uint32)
    valid = half.valid[early][:count] & half.valid[late][:count]
    for box in np.flatnonzero(~valid.all(1)):
        sums[box, ~valid[box, half.quadrant]] = 0
    return Boxes(level, first, step, sums, valid, half.quadrant)


def _above(boxes: Boxes, own: range, how: Search) -> Candidates:
    """All boxes above threshold that overlap one beginning in the own frames."""
    length = 2**boxes.level
    low = max(0, -(-(own.start - length - boxes.first) // boxes.step))
    high = min(len(boxes.sums), -(-(own.stop + length - boxes.first) // boxes.step))
    phases, background = length // boxes.step, background_boxes(boxes.level)
    settings = (phases, background, how.thresholds[boxes.level], how.gain)
    span = (max(0, low - background * phases), low, high)
    there = boxes.valid, boxes.quadrant, boxes.valid.all(1)
    room = 4096
    while True:
        out = np.empty((room, 4))
        sliding = np.zeros((3, boxes.quadrant.size), how.accumulator)
        count = _scan(boxes.sums, there, span, settings, (sliding, out))
        if count <= room:
            break
        room = count
    rows = out[:count]
    frame = boxes.first + rows[:, 0].astype(np.int64) * boxes.step
    return Candidates(frame, rows[:, 1].astype(np.int64), np.full(count, boxes.level), rows[:, 2], rows[:, 3])


def background_boxes(level: int) -> int:
    """Boxes of a level that make the background.

    Examples
    --------
    >>> [background_boxes(level) for level in range(7)]
    [512, 512, 512, 256, 128, 64, 32]
    """
    return min(MOST_BACKGROUND, BACKGROUND_FRAMES >> level)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scan(sums: Any, there: Any, span: Any, settings: Any, arrays: Any) -> int:
    """Fill the second array with box, pixel, amplitude, significance while there is room; return how many there are."""
    background, out = arrays
    begin, low, high = span
    phases, length, threshold, gain = settings
    valid, quadrant, whole = there
    nothing = np.zeros(sums.shape[1], sums.dtype)
    found = 0
    for phase in range(phases):
        for pixel in range(sums.shape[1]):
            background[0, pixel] = background[1, pixel] = background[2, pixel] = 0
        for box in range(begin + phase, high, phases):
            if box >= low and _hits(sums[box], background[0], background[2], threshold**2 * gain):
                found = _collect(sums[box], background, (box, threshold, gain), out, found)
            old = box - length * phases
            _slide(sums[box], sums[old] if old >= begin else nothing, background[0], background[1])
            if old < begin or not (whole[box] and whole[old]):
                _count((valid, quadrant), (box, old if old >= begin else -1), background[2])
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _hits(value: Any, total: Any, boxes: Any, limit: Any) -> int:
    """Pixels above a limit that no candidate stays below: the significance is less than d / sqrt(light)."""
    hits = 0
    for pixel in range(value.size):
        n, s = boxes[pixel], total[pixel]
        d = n * np.float64(value[pixel]) - s
        hits += int(d * abs(d) > limit * n * s)
    return hits


@numba.njit(cache=True, nogil=True)
def _slide(new: Any, old: Any, total: Any, squares: Any) -> None:
    for pixel in range(new.size):
        added, taken = total.dtype.type(new[pixel]), total.dtype.type(old[pixel])
        total[pixel] += added - taken
        squares[pixel] += (added - taken) * (added + taken)


@numba.njit(cache=True, nogil=True)
def _count(there: Any, boxes: Any, count: Any) -> None:
    valid, quadrant = there
    new, old = boxes
    for pixel in range(count.size):
        count[pixel] += valid[new, quadrant[pixel]]
        if old >= 0:
            count[pixel] -= valid[old, quadrant[pixel]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _collect(value: Any, background: Any, how: Any, out: Any, found: int) -> int:
    box, threshold, gain = how
    total, squares, boxes = background[0], background[1], background[2]
    for pixel in range(value.size):
        s, n = total[pixel], boxes[pixel]
        d = n * np.float64(value[pixel]) - s
        if d * abs(d) > threshold * threshold * gain * n * s and n >= LEAST_BACKGROUND:
            variance = max(n * squares[pixel] - s * s, gain * n * s)
            nsigma = significance(float(value[pixel]), s, variance / (n * s) if s > 0.0 else gain, n)
            if nsigma >= threshold:
                if found < out.shape[0]:
                    out[found, 0], out[found, 1], out[found, 2], out[found, 3] = box, pixel, d / n, nsigma
                found += 1
    return found


@numba.njit(cache=True, nogil=True)
def significance(value: float, background: float, dispersion: float, boxes: float) -> float:
    """Li & Ma's eq. 17 for `value` in one box and `background` in `boxes` others, counts divided by the dispersion.

    Examples
    --------
    >>> round(significance(106.0, 3200.0, 1.0, 64.0), 2)
    6.81
    """
    on, off = value / dispersion, background / dispersion
    first = on * math.log((1.0 + boxes) * on / (on + off))
    second = off * math.log((1.0 + 1.0 / boxes) * off / (on + off)) if off > 0.0 else 0.0
    return math.sqrt(max(0.0, 2.0 * (first + second)))


def _best(above: Candidates, own: range) -> Candidates:
    """Those in the own frames that no overlapping box of the same pixel exceeds; of equals the earliest."""
    keep = np.zeros(len(above.frame), np.bool_)
    if len(keep):
        order = np.lexsort((above.frame, above.pixel))
        ordered = np.empty(len(keep), np.bool_)
        _strongest(above.frame[order], above.pixel[order], above.nsigma[order], 2 ** int(above.level[0]), ordered)
        keep[order] = ordered
    keep &= (above.frame >= own.start) & (above.frame < own.stop)
    return Candidates(*(column[keep] for column in above))


@numba.njit(cache=True, nogil=True)
def _strongest(frame: Any, pixel: Any, nsigma: Any, length: int, keep: Any) -> None:
    for i in range(frame.size):
        keep[i] = True
        j = i - 1
        while j >= 0 and pixel[j] == pixel[i] and frame[i] - frame[j] < length:
            keep[i] &= nsigma[j] < nsigma[i]
            j -= 1
        j = i + 1
        while j < frame.size and pixel[j] == pixel[i] and frame[j] - frame[i] < length:
            keep[i] &= nsigma[j] <= nsigma[i]
            j += 1
