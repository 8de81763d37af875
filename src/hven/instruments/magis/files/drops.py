"""Files of drops: for each image a JSON header of 512 bytes, filled up with spaces and a newline, then its pixels.

Pixels are little-endian unsigned 16 bit integers, row after row. The header is an object with the keys of `KEYS`, in
their order, as `json.dumps` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hven.core.errors import FormatError
from hven.instruments.magis.files.layout import KEYS, PIXEL, SIZES, Content, Layout

HEADER_BYTES = 512


def encode_header(values: Mapping[str, int]) -> bytes:
    """Header of one image.

    Examples
    --------
    >>> len(encode_header(dict.fromkeys(KEYS, 1)))
    512
    """
    text = json.dumps({key: int(values[key]) for key in KEYS}).encode()
    return text.ljust(HEADER_BYTES - 1) + b"\n"


def scan(path: Path, content: Content) -> Layout:
    """Check every header; raises FormatError naming file, image and byte of the first that is wrong."""
    headers: list[list[int]] = []
    offsets: list[int] = []
    offset = 0
    while content.size - offset >= HEADER_BYTES:
        numbers = _header(path, len(headers), offset, content[offset : offset + HEADER_BYTES].tobytes())
        if headers and numbers[SIZES[0] :] != headers[0][SIZES[0] :]:
            what = "the size of the image differs from that of the first"
            raise FormatError(path, what, frame=len(headers), offset=offset)
        end = offset + HEADER_BYTES + numbers[SIZES[0]] * numbers[SIZES[1]] * PIXEL.itemsize
        if end > content.size:
            break
        headers.append(numbers)
        offsets.append(offset + HEADER_BYTES)
        offset = end
    return Layout.of(headers, offsets, content.size - offset)


def _header(path: Path, frame: int, offset: int, text: bytes) -> list[int]:
    """Numbers of a header, which must be written exactly as `encode_header` does, so that no byte is lost."""
    try:
        values: Any = json.loads(text)
        numbers = [values[key] for key in KEYS]
        good = all(type(n) is int for n in numbers) and encode_header(values) == text
    except (ValueError, KeyError, TypeError):
        good, numbers = False, []
    if not good or min(numbers[SIZES[0] :]) < 1:
        raise FormatError(path, "there is no header of an image", frame=frame, offset=offset)
    return [int(n) for n in numbers]
