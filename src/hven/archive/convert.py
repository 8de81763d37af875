"""Convert archived raw files to an L0 product, and prove that the product gives the raw bytes back."""

from __future__ import annotations

from collections.abc import Buffer, Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import DataError
from hven.model.content_digest import ArrayDigest, digest_dataset
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Format, Inspection
from hven.store import arrays, tables
from hven.store.chunks import stream
from hven.store.publish import ReadBack
from hven.store.read import open_product, read_rows
from hven.store.row_writer import RowWriter
from hven.store.same_bytes import same_bytes

_WIDE_BYTES = 64
_CACHED_ROWS = 8192


class NotReversibleError(DataError):
    """A product does not give the raw bytes back."""


@dataclass(frozen=True, slots=True)
class Source:
    """Raw files of one dataset, in order, with what was found in them."""

    paths: tuple[Path, ...]
    format: Format
    inspection: Inspection
    attrs: Mapping[str, Any]


def convert(folder: Path, dataset_type: DatasetType, source: Source, *, check: Callable[[], None]) -> ReadBack:
    """Write raw files as an L0 dataset, read it back, and compare.

    Memory stays at a few pieces of 8192 rows and one shard's thin variables, whatever the size of the files.

    Parameters
    ----------
    folder
        Version folder that is being written.
    dataset_type
        Declaration of the L0 type.
    source
        Archived files.
    check
        Called between blocks; may raise to stop.

    Returns
    -------
    ReadBack
        What lies on the disk.

    Raises
    ------
    NotReversibleError
        When the bytes encoded from the disk are not the raw ones.
    """
    if dataset_type.form == "table":
        return _convert_table(folder, dataset_type, source)
    step = write(folder, dataset_type, source, check=check)
    return _prove(folder, dataset_type.row_dim, source, step, check)


def _convert_table(folder: Path, dataset_type: DatasetType, source: Source) -> ReadBack:
    dataset = source.format.read(source.paths, 0, source.inspection.rows)
    tables.write_dataset(folder, dataset_type, dataset.assign_attrs(source.attrs))
    found = open_product(folder, chunks=None)
    raw = _Raw(source)
    for piece in source.format.encode(found.load()):
        raw.compare(piece)
    raw.finish()
    return ReadBack(found, digest_dataset(found))


def write(folder: Path, dataset_type: DatasetType, source: Source, *, check: Callable[[], None]) -> int:
    """Write piece after piece, without proof; the next one is parsed meanwhile. Gives the rows in a shard."""
    rows = source.inspection.rows
    template = source.format.read(source.paths, 0, min(1, rows)).assign_attrs(source.attrs)
    step = arrays.create(folder, dataset_type, template, rows)
    with ThreadPoolExecutor(1) as reader, RowWriter(folder) as writer:
        starts = range(0, rows, min(step, max(_CACHED_ROWS, writer.chunk_rows)))
        parsing = [reader.submit(_parse, source, start, starts.step) for start in starts[:1]]
        for start in starts:
            block = parsing.pop().result()
            if start + starts.step < rows:
                parsing.append(reader.submit(_parse, source, start + starts.step, starts.step))
            check()
            writer.write(block)
    return step


def _parse(source: Source, start: int, count: int) -> xr.Dataset:
    return source.format.read(source.paths, start, min(start + count, source.inspection.rows))


def _prove(folder: Path, dim: str, source: Source, step: int, check: Callable[[], None]) -> ReadBack:
    """Read everything back, compare what it encodes to with the raw files, and digest it, in one pass."""
    found = open_product(folder, chunks=None, indexes=False)
    digests: dict[str, ArrayDigest] = {}
    raw = _Raw(source)
    with ThreadPoolExecutor(1) as hasher:
        pending: Future[None] | None = None
        for block in _read_back(folder, found.variables, dim, step):
            check()
            along = {str(n): v for n, v in block.variables.items() if v.dims[:1] == (dim,)}
            for name in along:
                digests.setdefault(name, ArrayDigest())
            hashing = hasher.submit(_update, digests, along)
            for piece in source.format.encode(block):
                raw.compare(piece)
            if pending:  # the memory of the block before is used again now
                pending.result()
            pending = hashing
        if pending:
            pending.result()
    raw.finish()
    known = {name: digest.hexdigest() for name, digest in digests.items()}
    return ReadBack(found, digest_dataset(found, arrays=known))


def _read_back(folder: Path, declared: Mapping[Hashable, xr.Variable], dim: str, step: int) -> Iterator[xr.Dataset]:
    """All variables in pieces that stay in the processor's cache; thin ones are read a whole shard at a time."""
    along = {str(n): v for n, v in declared.items() if dim in v.dims}
    rows = next(iter(along.values())).sizes[dim]
    at_once = min(_CACHED_ROWS, step)
    thin, wide = (
        {n: stream(folder, n, length) for n, v in along.items() if (_row_bytes(v) > _WIDE_BYTES) == is_wide}
        for is_wide, length in ((False, step), (True, at_once))
    )
    fixed = read_rows(folder, [str(n) for n in declared if n not in along], 0, 0)
    for start in range(0, rows, step):
        shard = {n: next(values) for n, values in thin.items()}
        for first in range(0, min(step, rows - start), at_once):
            piece = {n: values[first : first + at_once] for n, values in shard.items()}
            piece |= {n: next(values) for n, values in wide.items()}
            columns = {n: _as_they_are(along[n].dims, v.view(along[n].dtype)) for n, v in piece.items()}
            yield fixed.assign(columns)


def _as_they_are(dims: tuple[Hashable, ...], values: np.ndarray[Any, Any]) -> xr.Variable:
    """A variable of values that need no look: xarray takes all times through pandas."""
    return xr.Variable(dims, values, fastpath=True)


def _row_bytes(variable: xr.Variable) -> int:
    return int(variable.dtype.itemsize * np.prod(variable.shape[1:], dtype=np.int64))


def _update(digests: Mapping[str, ArrayDigest], variables: Mapping[str, xr.Variable]) -> None:
    for name, variable in variables.items():
        digests[name].update(variable.values)


class _Raw:
    """Whole frames of the raw files, compared byte for byte with what is encoded."""

    def __init__(self, source: Source) -> None:
        self._paths = source.paths
        self._files = [_whole_frames(p, t) for p, t in zip(source.paths, source.inspection.tail_bytes, strict=True)]
        self._number = 0
        self._offset = 0

    def compare(self, piece: Buffer) -> None:
        """Compare the next bytes; they may reach over several files."""
        left = np.frombuffer(piece, np.uint8)
        while left.size:
            self._skip_read_files()
            if self._number == len(self._files):
                raise self._differs("more bytes than the raw files have")
            expected = self._files[self._number][self._offset : self._offset + left.size]
            if not same_bytes(expected, left[: expected.size]):
                raise self._differs("other bytes")
            self._offset += expected.size
            left = left[expected.size :]

    def finish(self) -> None:
        """Raise NotReversibleError unless all bytes were compared."""
        self._skip_read_files()
        if self._number < len(self._files):
            raise self._differs("fewer bytes than the raw files have")

    def _skip_read_files(self) -> None:
        while self._number < len(self._files) and self._offset == self._files[self._number].size:
            self._number, self._offset = self._number + 1, 0

    def _differs(self, what: str) -> NotReversibleError:
        path = self._paths[min(self._number, len(self._paths) - 1)]
        return NotReversibleError(
            f"{path}: encoding the L0 product gives {what} at byte {self._offset}",
            hint="The reader of this format loses something; the raw file is safe in the archive.",
        )


def _whole_frames(path: Path, tail_bytes: int) -> np.ndarray[Any, Any]:
    size = path.stat().st_size - tail_bytes
    return np.memmap(path, np.uint8, mode="r", shape=(size,)) if size else np.empty(0, np.uint8)
