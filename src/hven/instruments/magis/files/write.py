"""Write files of drops, as the simulated cameras do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.instruments.magis.files.drops import encode_header
from hven.instruments.magis.files.layout import KEYS

Image = tuple[Mapping[str, int], NDArray[np.uint16]]
"""Numbers of an image but its sizes, and its pixels (y, x)."""


def write_file(path: Path, images: Sequence[Image]) -> None:
    """Write images of one size in the container that the suffix names."""
    writer = {".drops": _drops, ".tif": _tiff, ".h5": _hdf5}[path.suffix]
    writer(path, images)


def encode(image: Image) -> bytes:
    """An image with its header, as it stands in a file of drops."""
    numbers, pixels = image
    height, width = pixels.shape
    return encode_header({**numbers, "height": height, "width": width}) + pixels.astype("<u2").tobytes()


def _drops(path: Path, images: Sequence[Image]) -> None:
    with path.open("wb") as stream:
        stream.writelines(map(encode, images))


def _tiff(path: Path, images: Sequence[Image]) -> None:
    from tifffile import TiffWriter

    with TiffWriter(path, byteorder="<") as writer:
        for numbers, pixels in images:
            text = json.dumps({key: int(numbers[key]) for key in KEYS[:-2]})
            writer.write(pixels, description=text, metadata=None, contiguous=False, photometric="minisblack")


def _hdf5(path: Path, images: Sequence[Image]) -> None:
    import h5py

    attrs: dict[str, Any] = {key: np.array([n[key] for n, _ in images], np.int64) for key in KEYS[1:-2]}
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("images", data=np.stack([pixels for _, pixels in images]))
        dataset.attrs.update({"camera": int(images[0][0]["camera"]), **attrs})
