"""Files of drops as HDF5: a dataset `images` (image, y, x) in one piece, with the images' numbers as its attributes.

`camera` is a number, `drop`, `time_ns`, `flight_ns` and `kind` are arrays with one for each image.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hven.core.errors import FormatError
from hven.instruments.magis.files.layout import KEYS, PIXEL, Content, Layout, View

IMAGES = "images"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ENDS = {0: 40, 1: 44, 2: 28, 3: 28}
"""Where the superblock says how long the file is, by the superblock's version."""
_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError)


def scan(path: Path, content: Content) -> Layout:
    """Find the images; of a file that is cut, those before the cut.

    Raises
    ------
    FormatError
        When this is no HDF5 file of drops.
    """
    if content[: len(_SIGNATURE)].tobytes() != _SIGNATURE[: content.size]:
        raise FormatError(path, "there is no HDF5 file", frame=0, offset=0)
    whole = _whole_size(content)
    if whole is None:
        return Layout.of([], [], content.size)
    try:
        with h5py.File(View(content, whole), "r") as file:
            headers, begin = _images(file[IMAGES])
    except _BROKEN as error:
        if whole > content.size:
            return Layout.of([], [], content.size)
        raise FormatError(path, f"there are no images of drops ({error})", frame=0, offset=0) from None
    return _layout(headers, begin, content.size, cut=whole > content.size)


def _layout(headers: np.ndarray[Any, Any], begin: int, size: int, *, cut: bool) -> Layout:
    step = int(headers[0, -2] * headers[0, -1]) * PIXEL.itemsize if len(headers) else 1
    there = min(len(headers), max(0, size - begin) // step)
    rows = headers[:there]
    end = begin + there * step if there else 0
    return Layout(rows, begin + step * np.arange(there, dtype=np.int64), size - end if cut else 0)


def _whole_size(content: Content) -> int | None:
    """How long the superblock says the file is; None where that is cut off."""
    place = _ENDS.get(int(content[len(_SIGNATURE)]), 0) if content.size > len(_SIGNATURE) else 0
    piece = content[place : place + 8].tobytes()
    return int(struct.unpack("<Q", piece)[0]) if place and len(piece) == 8 else None  # noqa: PLR2004 - bytes of it


def _images(images: Any) -> tuple[np.ndarray[Any, Any], int]:
    """Numbers of each image, and where the pixels of the first begin."""
    if images.chunks is not None or images.dtype != PIXEL or images.ndim != len("iyx"):
        raise ValueError(f"{IMAGES} is no array (image, y, x) of 16 bit numbers in one piece")
    sizes = dict(zip(("height", "width"), images.shape[1:], strict=True))
    columns = [np.broadcast_to(sizes.get(key, images.attrs.get(key)), len(images)) for key in KEYS]
    if any(column.dtype.kind not in "iu" for column in columns):
        raise ValueError(f"its attributes lack {', '.join(KEYS[:-2])}")
    return np.stack(columns, 1).astype(np.int64), int(images.id.get_offset())
