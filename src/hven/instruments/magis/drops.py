"""Files of drops: for each image a JSON header of 512 bytes, filled up with spaces and a newline, then its pixels.

Pixels are little-endian unsigned 16 bit integers, row after row. The header is an object with the keys of `KEYS`, in
their order, as `json.dumps` writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.core.errors import FormatError

HEADER_BYTES = 512
KEYS = ("camera", "drop", "time_ns", "flight_ns", "height", "width")
"""Camera and drop are numbers, times nanoseconds (UTC since 1970; since release), sizes pixels."""
PIXEL = np.dtype("<u2")


def encode_header(values: dict[str, int]) -> bytes:
    """Header of one image.

    Examples
    --------
    >>> len(encode_header(dict.fromkeys(KEYS, 1)))
    512
    """
    text = json.dumps({key: int(values[key]) for key in KEYS}).encode()
    return text.ljust(HEADER_BYTES - 1) + b"\n"


@dataclass(frozen=True, slots=True)
class DropFile:
    """One file, looked through.

    Parameters
    ----------
    headers
        Numbers of each image, dims (row, key).
    tail_bytes
        Bytes after the last whole image.
    """

    path: Path
    headers: NDArray[np.int64]
    tail_bytes: int

    @property
    def rows(self) -> int:
        """Whole images."""
        return len(self.headers)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image; (0, 0) of an empty file."""
        return (int(self.headers[0, 4]), int(self.headers[0, 5])) if self.rows else (0, 0)

    def pixels(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Images `[start, stop)`, dims (row, y, x), mapped from the file."""
        height, width = self.shape
        row = np.dtype([("header", "V", HEADER_BYTES), ("pixels", PIXEL, (height, width))])
        if stop <= start:
            return np.empty((0, height, width), PIXEL)
        mapped = np.memmap(self.path, row, "r", offset=start * row.itemsize, shape=(stop - start,))
        return np.asarray(mapped["pixels"])


def open_file(path: Path) -> DropFile:
    """Check the headers of a file; raises FormatError naming file, image and byte of the first that is wrong."""
    stat = path.stat()
    return _open(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _open(path: Path, _changed_ns: int, size: int) -> DropFile:
    headers: list[list[int]] = []
    offset = 0
    with path.open("rb") as stream:
        while size - offset >= HEADER_BYTES:
            stream.seek(offset)
            numbers = _header(path, len(headers), offset, stream.read(HEADER_BYTES))
            if headers and numbers[4:] != headers[0][4:]:
                what = "the size of the image differs from that of the first"
                raise FormatError(path, what, frame=len(headers), offset=offset)
            end = offset + HEADER_BYTES + numbers[4] * numbers[5] * PIXEL.itemsize
            if end > size:
                break
            headers.append(numbers)
            offset = end
    return DropFile(path, np.array(headers, np.int64).reshape(-1, len(KEYS)), size - offset)


def _header(path: Path, frame: int, offset: int, text: bytes) -> list[int]:
    """Numbers of a header, which must be written exactly as `encode_header` does, so that no byte is lost."""
    try:
        values: Any = json.loads(text)
        numbers = [values[key] for key in KEYS]
        good = all(type(n) is int for n in numbers) and encode_header(values) == text
    except (ValueError, KeyError, TypeError):
        good, numbers = False, []
    if not good or min(numbers[4:]) < 1:
        raise FormatError(path, "there is no header of an image", frame=frame, offset=offset)
    return [int(n) for n in numbers]
