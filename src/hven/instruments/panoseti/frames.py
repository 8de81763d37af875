"""The format of PANOSETI frames: raw files to L0 datasets and back."""

from __future__ import annotations

from collections.abc import Buffer, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.core.errors import FormatError, SchemaError
from hven.instruments.panoseti.attributes import describe
from hven.instruments.panoseti.clock import ClockReport, ClockStatus, frame_times, judge
from hven.instruments.panoseti.layouts import Layout, layouts_of
from hven.instruments.panoseti.pff import FrameFile, frame_bytes, open_files
from hven.instruments.panoseti.products import QUABOS, DataProduct
from hven.instruments.panoseti.raw_types import RAW_TYPES
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Inspection

_JUDGED_FRAMES = 8192
_ENCODED_AT_ONCE = 512
_RAW_KEYS = {"pkt_utc": "pkt_tai", "quabo_num": "quabo"}
_TIMING = ("pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")
_OF_PACKET = (*_TIMING, "pkt_num", "acq_mode", "mod_num")

Numbers = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Reads and writes files of one data product; see `hven.model.instrument.Format`."""

    product: DataProduct

    @property
    def dataset_type(self) -> DatasetType:
        """Declaration of what `read` gives."""
        return {t.name: t for t in RAW_TYPES}[f"panoseti.{self.product.name}"]

    def inspect(self, paths: Sequence[Path]) -> Inspection:
        """Check the header and marker of every frame."""
        files = open_files(paths, self.product)
        for file in files:
            file.check()
        begins = np.cumsum([0, *(f.frames for f in files)]).tolist()
        return Inspection(begins[-1], tuple(begins[:-1]), tuple(f.tail_bytes for f in files))

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        """Rows `[start, stop)` in the order of the files; their headers and markers are checked."""
        files = open_files(paths, self.product)
        parts = [(f, rows) for f, rows in _rows(files, np.arange(start, stop)) if len(rows)]
        read = [f.read(rows) for f, rows in parts]
        layout = _layout(files, self.product)
        values = _join([v for v, _ in read], (0, len(layout.keys)), np.int64)
        images = _join([i for _, i in read], (0, self.product.side, self.product.side), np.dtype(self.product.dtype))
        source = {
            "seqno": _join([np.full(len(r), f.sequence) for f, r in parts], (0,), np.int64),
            "frame_in_file": _join([r for _, r in parts], (0,), np.int64),
        }
        numbers = _by_name(values, layout)
        self._refuse_empty(parts, numbers)
        return self.assemble({**numbers, **source}, images, layout, clock_of(files).status)

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the whole dataset: site, pointing, settings, header layout, clock status and its numbers."""
        files = open_files(paths, self.product)
        layout = _layout(files, self.product)
        return {
            **describe(self.product, [f.path for f in files], configurations),
            "header_layout": layout.name,
            "frame_size": layout.size and layout.size + self.product.image_bytes,
            **clock_of(files).attrs,
        }

    def encode(self, dataset: xr.Dataset) -> Iterator[Buffer]:
        """Give the raw bytes of L0 rows back, some hundred frames at a time."""
        layout = self._named_layout(dataset)
        values, images = _by_position(dataset, layout), dataset["images"].values
        for start in range(0, len(values), _ENCODED_AT_ONCE):
            rows = slice(start, start + _ENCODED_AT_ONCE)
            yield frame_bytes(self.product, layout, values[rows], images[rows]).data

    def _named_layout(self, dataset: xr.Dataset) -> Layout:
        name = dataset.attrs.get("header_layout")
        for layout in layouts_of(self.product):
            if layout.name == name:
                return layout
        raise SchemaError(f"{self.dataset_type.type_name} with header layout {name!r} cannot be encoded")

    def _refuse_empty(self, parts: Sequence[tuple[FrameFile, NDArray[np.int64]]], numbers: Numbers) -> None:
        empty = np.flatnonzero(~_valid(numbers).any(axis=-1))
        if self.product.whole_module and len(empty):
            file, frame = [(f, int(r)) for f, rows in parts for r in rows][empty[0]]
            problem = "no quabo sent a packet for this frame"
            raise FormatError(file.path, problem, frame=frame, offset=file.offset(frame))

    def assemble(
        self, numbers: Mapping[str, NDArray[Any]], images: NDArray[Any], layout: Layout, status: ClockStatus
    ) -> xr.Dataset:
        """L0 dataset of header numbers by variable name and images."""
        valid = _valid(numbers)
        by_quabo = {k: _columns(numbers[k]) for k in _TIMING}
        times = frame_times(by_quabo, _columns(valid), host=status is ClockStatus.UNSYNCHRONISED)
        columns = {
            **numbers,
            "images": images,
            "quabo_valid": valid,
            "time": times.time.view("datetime64[ns]"),
            "host_lag": times.host_lag,
            "tai_offset": times.tai_offset,
        }
        variables = {
            v.name: xr.Variable(v.dims, columns[v.name].astype(v.dtype, copy=False), v.attrs, fastpath=True)
            for v in self.dataset_type.variables
            if v.name in columns
        }
        variables["time"].attrs["scale"] = "utc"
        attrs = {"header_layout": layout.name, "clock_status": str(status)}
        return xr.Dataset(variables, {"time": variables.pop("time")}, attrs)


def clock_of(files: Sequence[FrameFile]) -> ClockReport:
    """Judge the clock of a whole sequence of files by frames spread evenly over it."""
    return _clock(tuple((f.path, f.product, f.path.stat().st_mtime_ns, f.frames) for f in files))


@lru_cache(maxsize=256)
def _clock(key: tuple[tuple[Path, DataProduct, int, int], ...]) -> ClockReport:
    product = key[0][1]
    files = open_files([path for path, *_ in key], product)
    total = sum(f.frames for f in files)
    rows = np.unique(np.linspace(0, total - 1, min(total, _JUDGED_FRAMES)).round().astype(np.int64))
    layout = _layout(files, product)
    read = [f.read(r, pixels=False)[0] for f, r in _rows(files, rows) if len(r)]
    values = _join(read, (0, len(layout.keys)), np.int64)
    numbers = {k: _columns(v) for k, v in _by_name(values, layout).items()}
    times = frame_times(numbers, _valid(numbers))
    return judge(times.host_lag, times.tai_offset)


def _rows(files: Sequence[FrameFile], rows: NDArray[np.int64]) -> Iterator[tuple[FrameFile, NDArray[np.int64]]]:
    """Split rows of the sequence by file."""
    begin = 0
    for file in files:
        inside = rows[(rows >= begin) & (rows < begin + file.frames)]
        yield file, inside - begin
        begin += file.frames


def _layout(files: Sequence[FrameFile], product: DataProduct) -> Layout:
    return next((f.layout for f in files if f.frames), layouts_of(product)[0])


def _join(parts: list[NDArray[Any]], empty: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(empty, dtype)


def _by_name(values: NDArray[np.int64], layout: Layout) -> Numbers:
    """Columns of the header table by L0 name: (time, quabo) for a module, (time) for one quabo."""
    keys = list(dict.fromkeys(layout.keys))
    table = values.reshape(len(values), len(layout.keys) // len(keys), len(keys))
    named = {_RAW_KEYS.get(k, k): np.ascontiguousarray(table[:, :, i]) for i, k in enumerate(keys)}
    return named if table.shape[1] == QUABOS else {k: v[:, 0] for k, v in named.items()}


def _columns(array: NDArray[Any]) -> NDArray[Any]:
    """Dims (time, quabo), with one column where a frame is one quabo's."""
    return array[:, np.newaxis] if array.ndim == 1 else array


def _by_position(dataset: xr.Dataset, layout: Layout) -> NDArray[np.int64]:
    keys = list(dict.fromkeys(layout.keys))
    rows = dataset.sizes["time"]
    table = np.empty((rows, len(layout.keys) // len(keys), len(keys)), np.int64)
    for number, key in enumerate(keys):
        table[:, :, number] = _columns(dataset.variables[_RAW_KEYS.get(key, key)].values)
    return table.reshape(rows, len(layout.keys))


def _valid(numbers: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """A missing quabo's header is all zeros; its pixels are never asked."""
    fields = [v for k, v in numbers.items() if k in _OF_PACKET]
    valid: NDArray[np.bool_] = np.logical_or.reduce([f != 0 for f in fields])
    return valid
