"""Compiled walks along PFF headers: every literal byte is compared, every number is checked."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

_SPACE, _ZERO, _NINE = 32, 48, 57
_LONGEST = 11
"""Digits that a bare number may have at most, and one."""

WHOLE = -1
"""Frame number in a kernel's answer when no frame is broken."""

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]


@numba.njit(nogil=True, cache=True)
def _literal(raw: Bytes, at: int, literal: Bytes) -> tuple[int, bool]:
    length = len(literal)
    if at + length <= len(raw):
        window, difference = raw[at : at + length], np.uint8(0)
        for j in range(length):  # with no way out and no sum in the index, this becomes vector instructions
            difference |= window[j] ^ literal[j]
        if not difference:
            return at + length, True
    for j in range(length):
        if at + j >= len(raw) or raw[at + j] != literal[j]:
            return at + j, False
    return at + length, True


@numba.njit(nogil=True, cache=True)
def _number(raw: Bytes, at: int, program: tuple[Any, ...], k: int, values: Numbers) -> tuple[int, bool]:
    width, limit = program[2][k], program[3][k]
    field = raw[at : at + (width or _LONGEST)]
    j, value = 0, 0
    while j < width - 1 and j < len(field) and field[j] == _SPACE:
        j += 1
    first = j
    while j < len(field) and np.uint8(field[j] - np.uint8(_ZERO)) <= _NINE - _ZERO:
        value = value * 10 + (field[j] - _ZERO)
        j += 1
    if value > limit or (j > first + 1 and field[first] == _ZERO):
        return at + first, False
    values[k] = value
    return at + j, j > first and (j == width or not width)


@numba.njit(nogil=True, cache=True)
def walk(raw: Bytes, at: int, program: tuple[Any, ...], values: Numbers) -> tuple[int, bool]:
    """Read one header from byte `at` on into `values`.

    Returns the position after the image marker and True, or the position of the first wrong byte and False; the
    length of `raw` when it ends inside the header.
    """
    literals, bounds, widths, _ = program
    for k in range(len(bounds) - 1):
        at, good = _literal(raw, at, literals[bounds[k] : bounds[k + 1]])
        if not good:
            return at, False
        if k == len(widths):
            break
        at, good = _number(raw, at, program, k, values)
        if not good:
            return at, False
    return at, True


@numba.njit(nogil=True, cache=True)
def parse_frames(
    raw: Bytes, offsets: Numbers, program: tuple[Any, ...], values: Numbers, images: Bytes
) -> tuple[int, int]:
    """Read headers and pixels of the frames at `offsets`.

    Parameters
    ----------
    raw
        Bytes of the file.
    offsets
        Where the frames begin.
    program
        The layout's.
    values
        Numbers, dims (frame, field); written.
    images
        Pixels as bytes, dims (frame, byte); written. With no columns the headers alone are read.

    Returns
    -------
    Index into `offsets` and byte offset of the first wrong byte, or (WHOLE, WHOLE).
    """
    size = images.shape[1]
    for i in range(len(offsets)):
        at, good = walk(raw, offsets[i], program, values[i])
        if not good:
            return i, at
        pixels, image = raw[at : at + size], images[i]
        for j in range(size):
            image[j] = pixels[j]
    return WHOLE, WHOLE


@numba.njit(nogil=True, cache=True)
def _fixed_header(frame: Bytes, form: tuple[Any, ...], values: Numbers) -> bool:
    """Read a header whose numbers stand at known places; whether it is right to the last byte, as `walk` has it."""
    text, mask, starts, widths, limits = form
    difference = np.uint8(0)
    for j in range(len(text)):
        difference |= (frame[j] ^ text[j]) & mask[j]
    good: bool = difference == 0
    for k in range(len(starts)):
        field = frame[starts[k] : starts[k] + widths[k]]
        j, value = 0, np.int64(0)
        while j < len(field) - 1 and field[j] == _SPACE:
            j += 1
        good &= bool(field[j] != _ZERO) or j == len(field) - 1
        while j < len(field):
            digit = np.uint8(field[j] - np.uint8(_ZERO))
            good &= bool(digit <= _NINE - _ZERO)
            value = value * 10 + digit
            j += 1
        good &= bool(value <= limits[k])
        values[k] = value
    return good


@numba.njit(nogil=True, cache=True)
def parse_fixed(raw: Bytes, offsets: Numbers, form: tuple[Any, ...], values: Numbers, images: Bytes) -> int:
    """`parse_frames` for headers whose numbers stand at known places: index of the first broken frame, or WHOLE."""
    header, size = len(form[0]), images.shape[1]
    for i in range(len(offsets)):
        frame = raw[offsets[i] : offsets[i] + header + size]
        if not _fixed_header(frame, form, values[i]):
            return i
        pixels, image = frame[header:], images[i]
        for j in range(size):
            image[j] = pixels[j]
    return WHOLE


@numba.njit(nogil=True, cache=True)
def check_fixed(raw: Bytes, count: int, size: int, form: tuple[Any, ...]) -> int:
    """Check the headers of `count` frames of equal size; answer as `parse_fixed`."""
    values = np.empty(len(form[2]), np.int64)
    for i in range(count):
        if not _fixed_header(raw[i * size : (i + 1) * size], form, values):
            return i
    return WHOLE


@numba.njit(nogil=True, cache=True)
def find_frames(raw: Bytes, pixels: int, program: tuple[Any, ...], offsets: Numbers) -> tuple[int, int, int]:
    """Find frames of varying size one after the other.

    Returns the number of whole frames (their begins are in `offsets`), the position after the last, and the position
    of the first wrong byte (WHOLE if there is none).
    """
    values = np.empty(len(program[2]), np.int64)
    at, n = 0, 0
    while at < len(raw):
        stop, good = walk(raw, at, program, values)
        if not good and stop < len(raw):
            return n, at, stop
        if not good or stop + pixels > len(raw):
            break
        offsets[n] = at
        n += 1
        at = stop + pixels
    return n, at, WHOLE


@numba.njit(nogil=True, cache=True)
def write_frames(values: Numbers, images: Bytes, program: tuple[Any, ...], out: Bytes) -> int:
    """Write frames one after the other into `out`; returns the bytes written. The inverse of `parse_frames`."""
    literals, bounds, widths, _ = program
    at = 0
    for i in range(len(values)):
        for k in range(len(bounds) - 1):
            for j in range(bounds[k], bounds[k + 1]):
                out[at] = literals[j]
                at += 1
            if k < len(widths):
                at = _print(values[i, k], widths[k], out, at)
        size = images.shape[1]
        pixels, image = out[at : at + size], images[i]
        for j in range(size):
            pixels[j] = image[j]
        at += size
    return at


@numba.njit(nogil=True, cache=True)
def write_fixed(values: Numbers, images: Bytes, form: tuple[Any, ...], out: Bytes) -> bool:
    """`write_frames` for headers whose numbers stand at known places; False when a number is too long for its own."""
    text, _, starts, widths, _ = form
    header, size = len(text), images.shape[1]
    good = True
    for i in range(len(values)):
        frame, image = out[i * (header + size) : (i + 1) * (header + size)], images[i]
        for j in range(header):
            frame[j] = text[j]
        for k in range(len(starts)):
            rest, j = np.uint64(values[i, k]), starts[k] + widths[k]
            while j > starts[k] and (rest or j == starts[k] + widths[k]):
                j -= 1
                frame[j] = _ZERO + rest % np.uint64(10)
                rest //= np.uint64(10)
            good &= rest == 0
        pixels = frame[header:]
        for j in range(size):
            pixels[j] = image[j]
    return good


@numba.njit(nogil=True, cache=True)
def _print(value: int, width: int, out: Bytes, at: int) -> int:
    digits, rest = 1, value // 10
    while rest:
        digits += 1
        rest //= 10
    stop = at + max(width, digits)
    for j in range(stop - 1, stop - 1 - digits, -1):
        out[j] = _ZERO + value % 10
        value //= 10
    for j in range(at, stop - digits):
        out[j] = _SPACE
    return stop
