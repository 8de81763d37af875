"""Write an array product from its first row to its last, chunk by chunk as rows come.

What `arrays.write_rows` writes shard by shard, for one writer that has all rows in order: no shard is ever held
in memory.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc
from zarr.codecs import BloscCodec, ShardingCodec

from hven.core.errors import SchemaError
from hven.store import arrays, overviews
from hven.store.opened import open_arrays

if TYPE_CHECKING:
    import xarray as xr

_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
_COMPRESSORS = 2


class RowWriter:
    """Takes the rows of a product that was laid out by `arrays.create`, in order.

    Parameters
    ----------
    folder
        Version folder that is being written.
    """

    def __init__(self, folder: Path) -> None:
        head = arrays.head(folder)
        self._folder = folder
        self._dim: str = head["hven_row_dim"]
        self._shard: int = head["hven_shard_rows"]
        self._overviews: list[str] = head["hven_overviews"]
        self._row = 0
        self._pool = ThreadPoolExecutor(_COMPRESSORS)
        self._files: dict[str, _ShardFiles] = {}
        self._thin: dict[str, list[np.ndarray[Any, Any]]] = {}
        self._cells: list[overviews.Cells] = []
        for name, array in open_arrays(folder / arrays.DATA, writable=True).items():
            if self._dim in (array.metadata.dimension_names or ()):  # type: ignore[union-attr]
                self._rows = array.shape[0]
                self._files[name] = _ShardFiles(folder / arrays.DATA / name, array, self._pool)
                if not array.shards or array.chunks[0] == self._shard:
                    self._thin[name] = []

    @property
    def chunk_rows(self) -> int:
        """Rows in the longest chunk: blocks are multiples of it."""
        return max((file.chunk for name, file in self._files.items() if name not in self._thin), default=1)

    def write(self, rows: xr.Dataset) -> None:
        """Add rows: whole chunks of every variable, and no more than are left of the shard.

        Raises
        ------
        SchemaError
            When they are not.
        """
        stop = self._row + rows.sizes[self._dim]
        end = min(self._row - self._row % self._shard + self._shard, self._rows)
        if stop > end or (stop < end and stop % overviews.BASE):
            raise SchemaError(f"rows {self._row} to {stop} of {self._rows} are not whole chunks of one shard")
        stored = {n: arrays.stored(rows.variables[n].values) for n in self._files}
        for name, values in stored.items():
            if name in self._thin:
                self._thin[name].append(values)
            else:
                self._files[name].write(self._row, values)
        self._cells += [overviews.reduce_part({n: stored[n] for n in self._overviews})] if self._overviews else []
        self._row = stop
        if stop == end:
            self._end_shard()

    def _end_shard(self) -> None:
        start = (self._row - 1) // self._shard * self._shard
        if self._cells:
            overviews.keep_part(self._folder, start, self._cells)
            self._cells.clear()
        for name, pieces in self._thin.items():
            self._files[name].write(start, np.concatenate(pieces))
            pieces.clear()
        for file in self._files.values():
            if self._row % file.shard == 0 or self._row == self._rows:
                file.finish()

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close what is open; raises SchemaError when rows were never written."""
        self._pool.shutdown()
        for file in self._files.values():
            file.close()
        if kind is None and self._row < self._rows:
            raise SchemaError(f"rows {self._row} to {self._rows} were never written")


class _ShardFiles:
    """The files of one array, as the Zarr specification has them: chunks, and for several index and checksum."""

    def __init__(self, folder: Path, array: zarr.Array[Any], pool: ThreadPoolExecutor) -> None:
        self._folder, self._array, self._pool = folder, array, pool
        self.chunk, self.shard = array.chunks[0], (array.shards or array.chunks)[0]
        self._codec = _blosc(array)
        self._index: list[tuple[int, int]] = []
        self._file: BinaryIO | None = None

    def write(self, row: int, values: np.ndarray[Any, Any]) -> None:
        if row % self.chunk:
            raise SchemaError(f"{self._folder}: row {row} does not begin a chunk of {self.chunk}")
        if self._file is None:
            key = self._array.metadata.encode_chunk_key((row // self.shard, *[0] * (self._array.ndim - 1)))
            path = self._folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        chunks = [values[i : i + self.chunk] for i in range(0, len(values), self.chunk)]
        for encoded in self._pool.map(self._encode, chunks):
            self._index.append((self._index[-1][0] + self._index[-1][1] if self._index else 0, len(encoded)))
            self._file.write(encoded)

    def finish(self) -> None:
        """End the shard, with its index if it has several chunks."""
        if self._file is None:
            return
        if self._array.shards:
            index = np.full((self.shard // self.chunk, 2), 2**64 - 1, "<u8")
            index[: len(self._index)] = self._index
            checksum = google_crc32c.value(index.tobytes())
            self._file.write(index.tobytes() + checksum.to_bytes(4, "little"))
        self.close()
        self._index.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _encode(self, values: np.ndarray[Any, Any]) -> bytes:
        if len(values) < self.chunk:
            whole = np.full((self.chunk, *values.shape[1:]), self._array.fill_value, values.dtype)
            whole[: len(values)] = values
            values = whole
        return self._codec.encode(np.ascontiguousarray(values))  # type: ignore[no-any-return]


def _blosc(array: zarr.Array[Any]) -> Blosc:
    """The array's codec, where it is one of ours."""
    match array.metadata.codecs:  # type: ignore[union-attr]
        case (ShardingCodec(codecs=(_, BloscCodec() as codec)),) | (_, BloscCodec() as codec):
            return Blosc(codec.cname, codec.clevel, _SHUFFLES.index(codec.shuffle), codec.blocksize)
    raise SchemaError(f"{array.path}: rows are not written with these codecs")
