"""Files of frames: whole frames, their places and what stands in them."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.core.errors import FormatError
from hven.instruments.panoseti import kernels
from hven.instruments.panoseti.layouts import Layout, layouts_of
from hven.instruments.panoseti.names import FrameFileName, parse_file_name
from hven.instruments.panoseti.products import DataProduct


@dataclass(frozen=True)
class FrameFile:
    """One file of frames.

    Parameters
    ----------
    path
        Where it is.
    product
        What its frames are.
    layout
        Header layout of all its frames.
    frames
        Number of whole frames.
    tail_bytes
        Bytes after the last whole frame; they begin a frame that was cut.
    offsets
        Where frames of varying size begin; None where all have one size.
    sequence
        Number of the file in its sequence.
    """

    path: Path
    product: DataProduct
    layout: Layout
    frames: int
    tail_bytes: int
    offsets: NDArray[np.int64] | None
    sequence: int

    def read(self, frames: NDArray[np.int64], *, pixels: bool = True) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Numbers (frame, field) and images (frame, y, x) of some frames; FormatError where one is broken."""
        values = np.empty((len(frames), len(self.layout.keys)), np.int64)
        images = np.empty((len(frames), self.product.image_bytes if pixels else 0), np.uint8)
        if len(frames):
            self._parse(frames, values, images)
        side = self.product.side
        return values, images.view(self.product.dtype).reshape(-1, side, side) if pixels else images

    def offset(self, frame: int) -> int:
        """Byte at which a frame begins."""
        return frame * self._frame_bytes if self.offsets is None else int(self.offsets[frame])

    def _parse(self, frames: NDArray[np.int64], values: NDArray[np.int64], images: NDArray[np.uint8]) -> None:
        """Quickly where all frames have one size; byte by byte from the first broken one on, to say where it breaks."""
        raw, first = _bytes(self.path), 0
        offsets = frames * self._frame_bytes if self.offsets is None else self.offsets[frames]
        if self.layout.size:
            first = kernels.parse_fixed(raw, offsets, self.layout.form, values, images)
            if first == kernels.WHOLE:
                return
        bad, at = kernels.parse_frames(raw, offsets[first:], self.layout.program, values[first:], images[first:])
        if bad != kernels.WHOLE:
            raise _broken(self.path, int(frames[first + bad]), at)

    def check(self) -> None:
        """Compare the header and marker of every frame with the layout; FormatError where one is broken."""
        if self.frames and self.offsets is None:  # frames of varying size were checked when they were found
            bad = kernels.check_fixed(_bytes(self.path), self.frames, self._frame_bytes, self.layout.form)
            if bad != kernels.WHOLE:
                self.read(np.arange(bad, self.frames), pixels=False)

    @property
    def _frame_bytes(self) -> int:
        return self.layout.size + self.product.image_bytes


def frame_bytes(
    product: DataProduct, layout: Layout, values: NDArray[np.int64], images: NDArray[Any]
) -> NDArray[np.uint8]:
    """Frames one after the other, as they stand in a file: the inverse of `FrameFile.read`."""
    pixels = np.ascontiguousarray(images.astype(product.dtype, copy=False)).view(np.uint8).reshape(len(values), -1)
    if layout.size:
        out = np.empty(len(values) * (layout.size + product.image_bytes), np.uint8)
        if kernels.write_fixed(values, pixels, layout.form, out):
            return out
    out = np.empty(len(values) * (layout.largest + product.image_bytes), np.uint8)
    return out[: kernels.write_frames(values, pixels, layout.program, out)]


def open_files(paths: Sequence[Path], product: DataProduct) -> tuple[FrameFile, ...]:
    """Files of one sequence.

    Raises
    ------
    FormatError
        When a name contradicts the data product, a header is in no known layout, bytes after the last whole frame begin
        no frame, or files differ in layout.
    """
    files = tuple(open_file(Path(path), product) for path in paths)
    layouts = {f.layout.name: f.path for f in files if f.frames}
    if len(layouts) > 1:
        raise FormatError(paths[0], f"header layouts differ within one sequence: {', '.join(sorted(layouts))}")
    return files


def open_file(path: Path, product: DataProduct) -> FrameFile:
    """One file of frames; what was found is kept until the file changes."""
    status = path.stat()
    return _open(path, product, status.st_size, status.st_mtime_ns)


def _contradiction(name: FrameFileName, product: DataProduct) -> str:
    if name.product != product.name:
        return f"the name says {name.product}, not {product.name}"
    return f"the name says {name.bytes_per_pixel} bytes for each pixel; {product.name} has {product.bytes_per_pixel}"


@lru_cache(maxsize=256)
def _open(path: Path, product: DataProduct, size: int, _mtime_ns: int) -> FrameFile:
    name = parse_file_name(path.name)
    if name and (name.product, name.bytes_per_pixel) != (product.name, product.bytes_per_pixel):
        raise FormatError(path, _contradiction(name, product))
    sequence = name.sequence if name else 0
    if not size:
        return FrameFile(path, product, layouts_of(product)[0], 0, 0, None, sequence)
    raw = _bytes(path)
    layout = _layout(path, raw, product)
    if layout.size:
        frames, tail = divmod(size, layout.size + product.image_bytes)
        _check_tail(path, raw, layout, frames, size - tail)
        return FrameFile(path, product, layout, frames, tail, None, sequence)
    offsets = np.empty(size // (len(layout.literals) + product.image_bytes) + 1, np.int64)
    frames, end, bad = kernels.find_frames(raw, product.image_bytes, layout.program, offsets)
    if bad != kernels.WHOLE:
        raise _broken(path, frames, bad)
    return FrameFile(path, product, layout, frames, size - end, offsets[:frames].copy(), sequence)


def _layout(path: Path, raw: NDArray[np.uint8], product: DataProduct) -> Layout:
    """Layout that the first header follows; of none, the error names the byte up to which the best one went."""
    furthest = -1
    for layout in layouts_of(product):
        at, good = kernels.walk(raw, 0, layout.program, np.empty(len(layout.keys), np.int64))
        if good or at == len(raw):
            return layout
        furthest = max(furthest, at)
    raise _broken(path, 0, furthest)


def _check_tail(path: Path, raw: NDArray[np.uint8], layout: Layout, frame: int, begin: int) -> None:
    if begin < len(raw):
        at, good = kernels.walk(raw, begin, layout.program, np.empty(len(layout.keys), np.int64))
        if not good and at < len(raw):
            raise _broken(path, frame, at)


def _broken(path: Path, frame: int, at: int) -> FormatError:
    return FormatError(path, "this byte belongs to no known frame header", frame=frame, offset=at)


def _bytes(path: Path) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
