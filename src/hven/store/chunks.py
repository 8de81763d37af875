"""Read a wide array from end to end, straight from its shards into memory that is used again.

Half of what zarr takes to read a whole product goes into memory that is new for each chunk; a pass over everything
does without.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numcodecs import blosc

from hven.core.errors import SchemaError
from hven.store.arrays import DATA
from hven.store.opened import open_array

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTRY_BYTES = 16
_CHECKSUM_BYTES = 4
_NEVER_WRITTEN = np.uint64(2**64 - 1)


def stream(folder: Path, name: str, rows: int) -> Iterator[np.ndarray[Any, Any]]:
    """All rows of an array of numbers, so many at a time.

    Parameters
    ----------
    folder
        Version folder, published or being written.
    name
        Variable; hven's own layout: cut along the rows alone, compressed by blosc.
    rows
        Length of each piece but the last.

    Yields
    ------
    np.ndarray
        Values as stored. Its memory is used again for the piece after the next.

    Raises
    ------
    SchemaError
        When a chunk was never written.
    """
    array = open_array(folder / DATA / name)
    total = array.shape[0]
    buffers = cycle(np.empty((min(rows, total), *array.shape[1:]), array.dtype) for _ in range(2))
    shards = _Shards(folder / DATA / name, array)
    for start in range(0, total, rows):
        piece = next(buffers)[: min(rows, total - start)]
        shards.read(start, piece)
        yield piece


class _Shards:
    """The shards of one array; the one read last stays open."""

    def __init__(self, folder: Path, array: zarr.Array[Any]) -> None:
        self._folder, self._array = folder, array
        self._chunk = array.chunks[0]
        self._shard = (array.shards or array.chunks)[0]
        self._spare = np.empty(array.chunks, array.dtype)
        self._number, self._bytes = -1, np.empty(0, np.uint8)
        self._entries = np.empty((0, 2), np.uint64)

    def read(self, start: int, out: np.ndarray[Any, Any]) -> None:
        """Rows from `start` on; whole chunks are decompressed in place."""
        stop = start + len(out)
        for begin in range(start - start % self._chunk, stop, self._chunk):
            first, last = max(begin, start), min(begin + self._chunk, stop)
            whole = last - first == self._chunk
            target = out[first - start : last - start] if whole else self._spare
            blosc.decompress(self._compressed(begin), target)
            if not whole:
                out[first - start : last - start] = target[first - begin : last - begin]

    def _compressed(self, row: int) -> np.ndarray[Any, Any]:
        if row // self._shard != self._number:
            self._open(row // self._shard)
        offset, length = (int(n) for n in self._entries[row % self._shard // self._chunk])
        return self._bytes[offset : offset + length]

    def _open(self, number: int) -> None:
        key = self._array.metadata.encode_chunk_key((number, *[0] * (self._array.ndim - 1)))
        path = self._folder / key
        if not path.exists():
            raise SchemaError(f"{path} was never written")
        self._bytes, self._number = np.memmap(path, np.uint8, mode="r"), number
        if not self._array.shards:
            self._entries = np.array([[0, len(self._bytes)]], np.uint64)
            return
        _ = self._array[number * self._shard]  # zarr checks the index against its checksum
        index = self._bytes[-self._shard // self._chunk * _ENTRY_BYTES - _CHECKSUM_BYTES : -_CHECKSUM_BYTES]
        self._entries = np.frombuffer(index, "<u8").reshape(-1, 2)
        inside = self._entries[: -(-(self._array.shape[0] - number * self._shard) // self._chunk)]
        if (inside == _NEVER_WRITTEN).any():
            raise SchemaError(f"{path}: a chunk was never written")
