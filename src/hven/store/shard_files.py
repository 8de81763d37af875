"""The files of one array, written chunk by chunk as the Zarr specification has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc
from zarr.codecs import BloscCodec, ShardingCodec

from hven.core.errors import SchemaError

_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")

Chunk = np.ndarray[Any, Any]
Encoder = Callable[[Callable[[Chunk], bytes], Iterable[Chunk]], Iterable[bytes]]
"""`map`, or that of a pool."""


class ShardFiles:
    """The files of one array: chunks, and where a file has several, index and checksum.

    Parameters
    ----------
    folder
        Of the array.
    array
        With hven's own codecs: numbers, compressed by blosc.
    encode
        Encodes several chunks, in order.
    """

    def __init__(self, folder: Path, array: zarr.Array[Any], encode: Encoder = map) -> None:
        self._folder, self._array, self._map = folder, array, encode
        self.chunk, self.shard = array.chunks[0], (array.shards or array.chunks)[0]
        self._codec = _blosc(array)
        self._index: list[tuple[int, int]] = []
        self._file: BinaryIO | None = None

    def write(self, row: int, values: Chunk) -> None:
        """Add rows; `row` is the first and begins a chunk."""
        if row % self.chunk:
            raise SchemaError(f"{self._folder}: row {row} does not begin a chunk of {self.chunk}")
        if self._file is None:
            key = self._array.metadata.encode_chunk_key((row // self.shard, *[0] * (self._array.ndim - 1)))
            path = self._folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        chunks = [values[i : i + self.chunk] for i in range(0, len(values), self.chunk)]
        encode = self._map if len(chunks) > 1 else map
        for encoded in encode(self._encode, chunks):
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
        """Give the file back, finished or not."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _encode(self, values: Chunk) -> bytes:
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
