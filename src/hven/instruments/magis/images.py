"""The format of drops: raw files to L0 images and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import SchemaError
from hven.instruments.magis.files.drops import encode_header
from hven.instruments.magis.files.layout import KEYS
from hven.instruments.magis.files.open import DropFile, open_content, open_file
from hven.instruments.magis.series import describe
from hven.instruments.magis.types import SHADOWS
from hven.model.dataset_type import DatasetType
from hven.model.fringes import DARK, NO_LIGHT
from hven.model.instrument import Inspection

_NS = 1e9
_COLUMNS = {"camera": "camera", "drop": "exposure", "kind": "kind"}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class DropFormat:
    """Reads and writes files of drops; see `hven.model.instrument.Format` and `MemoryFormat`.

    Parameters
    ----------
    dataset_type
        L0 type of the images.
    """

    dataset_type: DatasetType

    def inspect(self, paths: Sequence[Path]) -> Inspection:
        """Check every header."""
        layouts = [f.layout for f in self._open(paths)]
        begins = np.cumsum([0, *(one.rows for one in layouts)]).tolist()
        return Inspection(begins[-1], tuple(begins[:-1]), tuple(one.tail_bytes for one in layouts))

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        """Rows `[start, stop)` in the order of the files."""
        files = self._open(paths)
        parts, begin = [], 0
        for file in files:
            first, last = (min(max(row - begin, 0), file.layout.rows) for row in (start, stop))
            if last > first:
                parts.append((file, first, last))
            begin += file.layout.rows
        return self._dataset(files, parts)

    def decode(self, name: Path, content: Any, configurations: Mapping[str, Any]) -> tuple[xr.Dataset, int]:
        """All whole rows of a file in memory, with the attributes that its camera's configuration gives."""
        file = open_content(name, content)
        rows = file.layout.rows
        camera = int(file.layout.headers[0, 0]) if rows else None
        dataset = self._dataset([file], [(file, 0, rows)] if rows else [])
        known = describe(camera, configurations, shadow=self.dataset_type.name == SHADOWS.name)
        return dataset.assign_attrs({**known, **_flags([file])}), file.layout.tail_bytes

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the whole dataset: how this camera sees, from the series' configuration."""
        files = self._open(paths)
        first = next((f.layout.headers[0] for f in files if f.layout.rows), None)
        camera = None if first is None else int(first[0])
        return {
            "Conventions": "CF-1.11",
            "instrument": "MAGIS",
            **describe(camera, configurations, shadow=self.dataset_type.name == SHADOWS.name),
            **_flags(files),
        }

    def encode(self, dataset: xr.Dataset) -> Iterator[bytes]:
        """Give the raw bytes of L0 rows back, one image after the other."""
        containers = _containers(dataset) if "container" in dataset else None
        for row, pixels in enumerate(dataset["images"].values):
            before, after = next(containers) if containers else (_header(dataset, row), b"")
            yield before
            yield pixels.astype("<u2", copy=False).tobytes()
            yield after

    def _open(self, paths: Sequence[Path]) -> list[DropFile]:
        files = [open_file(path) for path in paths]
        shapes = {f.layout.shape for f in files if f.layout.rows}
        if len(shapes) > 1:
            raise SchemaError(f"{paths[0].parent}: images of one camera have several sizes: {sorted(shapes)}")
        if len({f.bare for f in files}) > 1:
            raise SchemaError(f"{paths[0].parent}: the files of one camera are of several kinds")
        return files

    def _dataset(self, files: Sequence[DropFile], parts: Sequence[tuple[DropFile, int, int]]) -> xr.Dataset:
        headers = [f.layout.headers[first:last] for f, first, last in parts] or [np.empty((0, len(KEYS)), np.int64)]
        pixels = [f.pixels(first, last) for f, first, last in parts]
        shape = next((f.layout.shape for f in files if f.layout.rows), (0, 0))
        images = np.concatenate(pixels) if len(pixels) > 1 else pixels[0] if pixels else np.empty((0, *shape), "<u2")
        columns = {"images": images, **_numbers(np.concatenate(headers))}
        if files and not files[0].bare:
            columns |= _around(files, parts)
        known = [v for v in self.dataset_type.variables if v.name in columns]
        variables = {v.name: (v.dims, columns[v.name].astype(v.dtype, copy=False), v.attrs) for v in known}
        dims, values, attrs = variables.pop("time")
        return xr.Dataset(variables, {"time": (dims, values, {**attrs, "scale": "utc"})})


def _flags(files: Sequence[DropFile]) -> dict[str, str]:
    """Attribute of images that all show no light."""
    shown = {int(kind) for f in files for kind in f.layout.headers[:, KEYS.index("kind")]}
    return {"flags": DARK} if shown == {NO_LIGHT} else {}


def _numbers(headers: Array) -> dict[str, Array]:
    columns = {name: headers[:, KEYS.index(key)] for key, name in _COLUMNS.items()}
    time = headers[:, KEYS.index("time_ns")].copy().view("datetime64[ns]")
    return {**columns, "time": time, "flight": headers[:, KEYS.index("flight_ns")] / _NS}


def _around(files: Sequence[DropFile], parts: Sequence[tuple[DropFile, int, int]]) -> dict[str, Array]:
    """What containers have around the pixels, filled up to the longest of all files."""
    pieces = {f.path: [f.layout.around(f.bytes(), row) for row in range(f.layout.rows)] for f in files}
    longest = max((len(a) + len(b) for around in pieces.values() for a, b in around), default=0)
    chosen = [piece for f, first, last in parts for piece in pieces[f.path][first:last]]
    filled = [(before + after).ljust(longest, b"\0") for before, after in chosen]
    sizes = np.array([(len(before), len(after)) for before, after in chosen], np.int64).reshape(-1, 2)
    container = np.frombuffer(b"".join(filled), np.uint8).reshape(len(chosen), longest)
    return {"container": container, "container_before": sizes[:, 0], "container_after": sizes[:, 1]}


def _containers(dataset: xr.Dataset) -> Iterator[tuple[bytes, bytes]]:
    names = ("container", "container_before", "container_after")
    for content, before, after in zip(*(dataset[name].values for name in names), strict=True):
        text = content.tobytes()
        yield text[:before], text[before : before + after]


def _header(dataset: xr.Dataset, row: int) -> bytes:
    _, height, width = dataset["images"].shape
    numbers = {key: int(dataset[name].values[row]) for key, name in _COLUMNS.items()}
    numbers["time_ns"] = int(dataset["time"].values[row].astype("int64"))
    numbers["flight_ns"] = round(float(dataset["flight"].values[row]) * _NS)
    return encode_header({**numbers, "height": height, "width": width})
