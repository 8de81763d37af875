"""Where the images of a file of drops lie, whatever its container."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYS = ("camera", "drop", "time_ns", "flight_ns", "kind", "height", "width")
"""Numbers of each image: camera and drop, times in nanoseconds (UTC since 1970; since release), what it shows (see
`hven.model.fringes.KIND`), sizes in pixels."""
SIZES = (KEYS.index("height"), KEYS.index("width"))
PIXEL = np.dtype("<u2")

Content = NDArray[np.uint8]
"""Bytes of a file, in memory or mapped."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole images of a file.

    Parameters
    ----------
    headers
        Numbers of each image, dims (row, key).
    offsets
        First byte of each image's pixels, which lie together, row after row.
    tail_bytes
        Bytes of what was cut, after the last whole image.
    """

    headers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    tail_bytes: int

    @classmethod
    def of(cls, headers: list[list[int]], offsets: list[int], tail_bytes: int) -> Layout:
        """From lists, which may be empty."""
        numbers = np.array(headers, np.int64).reshape(-1, len(KEYS))
        return cls(numbers, np.array(offsets, np.int64), tail_bytes)

    @property
    def rows(self) -> int:
        """Whole images."""
        return len(self.headers)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image; (0, 0) of an empty file."""
        return (int(self.headers[0, SIZES[0]]), int(self.headers[0, SIZES[1]])) if self.rows else (0, 0)

    @property
    def image_bytes(self) -> int:
        """Bytes of an image's pixels."""
        return self.shape[0] * self.shape[1] * PIXEL.itemsize

    def pixels(self, content: Content, start: int, stop: int) -> NDArray[np.uint16]:
        """Images `[start, stop)`, dims (row, y, x); a view where they lie evenly."""
        if stop <= start:
            return np.empty((0, *self.shape), PIXEL)
        steps = set(np.diff(self.offsets[start:stop]).tolist()) or {self.image_bytes}
        if len(steps) > 1:
            return np.concatenate([self.pixels(content, row, row + 1) for row in range(start, stop)])
        strides = (*steps, self.shape[1] * PIXEL.itemsize, PIXEL.itemsize)
        view: NDArray[np.uint16] = np.ndarray(
            (stop - start, *self.shape), PIXEL, content, int(self.offsets[start]), strides
        )
        return view if view.flags.aligned else view.copy()

    def around(self, content: Content, row: int) -> tuple[bytes, bytes]:
        """What the container has before an image's pixels, and after those of the last one."""
        begin = int(self.offsets[row - 1]) + self.image_bytes if row else 0
        end = int(self.offsets[row]) + self.image_bytes
        rest = content[end : len(content) - self.tail_bytes] if row == self.rows - 1 else content[:0]
        return content[begin : int(self.offsets[row])].tobytes(), rest.tobytes()


class View(io.RawIOBase):
    r"""A file to read over bytes in memory; past their end it has zeros up to a size.

    Examples
    --------
    >>> View(np.frombuffer(b"abc", np.uint8), 5).read()
    b'abc\x00\x00'
    """

    def __init__(self, content: Content, size: int = 0) -> None:
        super().__init__()
        self._content, self._size, self._place = content, max(size, content.size), 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Copy what comes next."""
        target = np.frombuffer(buffer, np.uint8)
        count = max(0, min(target.size, self._size - self._place))
        there = self._content[self._place : self._place + count]
        target[: there.size] = there
        target[there.size : count] = 0
        self._place += count
        return count
