"""Files of drops as TIFF: a page for each image, its numbers as JSON in the page's description.

Pages are grey, 16 bit, little-endian, not compressed, with their strips one after the other.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from tifffile import TiffFile, TiffFileError, TiffPage

from hven.core.errors import FormatError
from hven.instruments.magis.files.layout import KEYS, PIXEL, SIZES, Content, Layout, View

_MAGIC = b"II*\0"
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _DESCRIPTION, _STRIPS, _SAMPLES, _STRIP_BYTES = (
    256, 257, 258, 259, 270, 273, 277, 279,
)  # fmt: skip
_ENTRY_BYTES = 12
_BROKEN = (TiffFileError, struct.error, KeyError, IndexError, TypeError, ValueError, OverflowError)


def scan(path: Path, content: Content) -> Layout:
    """Look through the pages.

    Raises
    ------
    FormatError
        When this is no such TIFF, or a page says something else; names file, image and byte.
    """
    if content[:4].tobytes() != _MAGIC:
        raise FormatError(path, "there is no little-endian TIFF", frame=0, offset=0)
    headers: list[list[int]] = []
    offsets: list[int] = []
    following = _number(content, len(_MAGIC))
    while following and following < content.size:
        begin, following = following, _following(content, following)
        cut = following < 0
        if not cut:
            numbers, offset = _numbers(path, _page(path, content, begin, len(headers)), len(headers), begin)
            cut = offset + numbers[SIZES[0]] * numbers[SIZES[1]] * PIXEL.itemsize > content.size
        if cut:
            return Layout.of(headers, offsets, content.size - _end(headers, offsets))
        headers.append(numbers)
        offsets.append(offset)
    return Layout.of(headers, offsets, content.size - _end(headers, offsets) if following else 0)


def _end(headers: list[list[int]], offsets: list[int]) -> int:
    return offsets[-1] + headers[0][SIZES[0]] * headers[0][SIZES[1]] * PIXEL.itemsize if offsets else 0


def _number(content: Content, place: int, code: str = "<I") -> int:
    """Number at a place; -1 where the file is cut before its end."""
    piece = content[place : place + struct.calcsize(code)].tobytes()
    return int(struct.unpack(code, piece)[0]) if len(piece) == struct.calcsize(code) else -1


def _following(content: Content, begin: int) -> int:
    """Where the next page's tags begin; 0 after the last page, -1 where that is cut off."""
    entries = _number(content, begin, "<H")
    return _number(content, begin + 2 + entries * _ENTRY_BYTES) if entries >= 0 else -1


def _page(path: Path, content: Content, begin: int, frame: int) -> TiffPage:
    try:
        with TiffFile(View(content)) as file:  # type: ignore[arg-type]
            file.filehandle.seek(begin)
            return TiffPage(file, index=frame)
    except _BROKEN as error:
        raise FormatError(path, f"there are no tags of a page ({error})", frame=frame, offset=begin) from None


def _numbers(path: Path, page: TiffPage, frame: int, begin: int) -> tuple[list[int], int]:
    """Numbers of a page, and where its pixels begin."""
    try:
        said: Any = json.loads(page.tags[_DESCRIPTION].value)
        sizes = {"height": page.tags[_LENGTH].value, "width": page.tags[_WIDTH].value}
        numbers = [{**said, **sizes}[key] for key in KEYS]
        kind = (page.tags[_BITS].value, page.tags[_COMPRESSION].value, page.tags[_SAMPLES].value)
        strips, lengths = (page.tags[tag].value for tag in (_STRIPS, _STRIP_BYTES))
        together = all(a + n == b for a, n, b in zip(strips, lengths, strips[1:], strict=False))
        good = kind == (PIXEL.itemsize * 8, 1, 1) and all(type(n) is int for n in numbers) and together
    except _BROKEN:
        good = False
    if not good or sum(lengths) != sizes["height"] * sizes["width"] * PIXEL.itemsize:
        what = "the page is no grey 16 bit image in one piece with the numbers of a drop in its description"
        raise FormatError(path, what, frame=frame, offset=begin)
    return numbers, int(strips[0])
