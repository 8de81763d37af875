"""The format of drops: raw files to L0 images and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import SchemaError
from hven.instruments.magis.drops import KEYS, DropFile, encode_header, open_file
from hven.instruments.magis.series import describe
from hven.instruments.magis.types import IMAGES
from hven.model.instrument import Inspection

_COLUMNS = {"camera": "camera", "drop": "exposure", "time_ns": "time", "flight_ns": "flight_ns"}


class DropFormat:
    """Reads and writes files of drops; see `hven.model.instrument.Format`."""

    def inspect(self, paths: Sequence[Path]) -> Inspection:
        """Check every header."""
        files = self._open(paths)
        begins = np.cumsum([0, *(f.rows for f in files)]).tolist()
        return Inspection(begins[-1], tuple(begins[:-1]), tuple(f.tail_bytes for f in files))

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        """Rows `[start, stop)` in the order of the files."""
        files = self._open(paths)
        parts, begin = [], 0
        for file in files:
            first, last = (min(max(row - begin, 0), file.rows) for row in (start, stop))
            if last > first:
                parts.append((file.headers[first:last], file.pixels(first, last)))
            begin += file.rows
        shape = next((f.shape for f in files if f.rows), (0, 0))
        headers = np.concatenate([h for h, _ in parts]) if parts else np.empty((0, len(KEYS)), np.int64)
        pixels = [p for _, p in parts]
        images = np.concatenate(pixels) if len(pixels) > 1 else pixels[0] if pixels else np.empty((0, *shape), "<u2")
        return _dataset(headers, images)

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the whole dataset: how this camera sees, from the series' configuration."""
        first = next((f.headers[0] for f in self._open(paths) if f.rows), None)
        camera = None if first is None else int(first[0])
        return {"Conventions": "CF-1.11", "instrument": "MAGIS", **describe(camera, configurations)}

    def encode(self, dataset: xr.Dataset) -> Iterator[bytes]:
        """Give the raw bytes of L0 rows back, one image after the other."""
        _, height, width = dataset["images"].shape
        numbers = {key: dataset.variables[name].values.astype(np.int64) for key, name in _COLUMNS.items()}
        for row, pixels in enumerate(dataset["images"].values):
            own = {key: int(column[row]) for key, column in numbers.items()}
            yield encode_header({**own, "height": height, "width": width})
            yield pixels.astype("<u2", copy=False).tobytes()

    def _open(self, paths: Sequence[Path]) -> list[DropFile]:
        files = [open_file(path) for path in paths]
        shapes = {f.shape for f in files if f.rows}
        if len(shapes) > 1:
            raise SchemaError(f"{paths[0].parent}: images of one camera have several sizes: {sorted(shapes)}")
        return files


def _dataset(headers: np.ndarray[Any, Any], images: np.ndarray[Any, Any]) -> xr.Dataset:
    columns: dict[str, Any] = {name: headers[:, KEYS.index(key)] for key, name in _COLUMNS.items()}
    columns |= {"images": images, "flight": columns["flight_ns"] / 1e9}
    columns["time"] = columns["time"].view("datetime64[ns]") if len(headers) else np.empty(0, "datetime64[ns]")
    variables = {v.name: (v.dims, columns[v.name].astype(v.dtype, copy=False), v.attrs) for v in IMAGES.variables}
    dims, values, attrs = variables.pop("time")
    return xr.Dataset(variables, {"time": (dims, values, {**attrs, "scale": "utc"})})
