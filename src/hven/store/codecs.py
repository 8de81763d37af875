"""Codecs, chunks and shards of every array hven writes, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec

from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType

MAX_SHARD_ROWS = 65536
MAX_SHARD_BYTES = 256 << 20
CHUNK_BYTES = 2 << 20
JOINED = 16
"""Chunks of a thin variable in one file at L0, where one writer has all rows in order."""
BLOCK_BYTES = 512 << 10
"""What zstd compresses at a time; left to itself, blosc cuts far smaller and takes twice the time for less."""
TIME_ATTRS = {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Chunk and shard shape of one array; `shards` is None where a chunk is a file."""

    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None


def compressor(level: Level) -> BloscCodec:
    """Codec of a level: L0 small (zstd), L1 and L2 quick to read (lz4); both with byte shuffle."""
    if level is Level.L0:
        return BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", blocksize=BLOCK_BYTES)
    return BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")


def shard_rows(dataset_type: DatasetType, sizes: Mapping[str, int]) -> int:
    """Rows in a shard: a power of two that depends on the widest row alone, never on the number of rows.

    Parameters
    ----------
    dataset_type
        Its variables along `row_dim` count.
    sizes
        Length of every other dim.

    Examples
    --------
    >>> from hven.model.variable import Variable
    >>> images = Variable("images", ("time", "y", "x"), "uint16", "count", "Frames.")
    >>> shard_rows(DatasetType("a.b", Level.L0, "array", (), (images,), ""), {"y": 32, "x": 32})
    65536
    """
    widest = 1
    for variable in dataset_type.variables:
        if variable.dims[:1] == (dataset_type.row_dim,) and all(d in sizes for d in variable.dims[1:]):
            widest = max(widest, row_bytes(storage_dtype(variable.dtype), tuple(sizes[d] for d in variable.dims[1:])))
    return min(MAX_SHARD_ROWS, 1 << max(0, (MAX_SHARD_BYTES // widest).bit_length() - 1))


def layout(shape: tuple[int, ...], dtype: np.dtype[Any], shard: int, *, joined: int = 1) -> Layout:
    """Cut an array along its first dim.

    A thin variable gets one long chunk to a shard's rows, `joined` of them in a file; a wide one gets chunks of 1 to
    4 MB in shards.
    An array shorter than a shard gets chunks and shard no longer than it needs.
    """
    if not shape:
        return Layout((), None)
    rest = shape[1:]
    rows = max(1, shape[0])
    chunk = 1 << max(0, (CHUNK_BYTES // max(1, row_bytes(dtype, rest))).bit_length() - 1)
    if chunk >= shard and joined > 1 and rows > shard:
        return Layout((shard, *_at_least_one(rest)), (shard * min(joined, -(-rows // shard)), *_at_least_one(rest)))
    if chunk >= min(rows, shard):
        return Layout((min(rows, shard), *_at_least_one(rest)), None)
    whole = min(shard, -(-rows // chunk) * chunk)
    return Layout((chunk, *_at_least_one(rest)), (whole, *_at_least_one(rest)))


def row_bytes(dtype: np.dtype[Any], row_shape: tuple[int, ...]) -> int:
    """Bytes of one row."""
    return dtype.itemsize * int(np.prod(row_shape, dtype=np.int64))


def storage_dtype(dtype: str | np.dtype[Any]) -> np.dtype[Any]:
    """Type on disk: times are int64 nanoseconds, text is variable-length."""
    if str(dtype) == "str" or np.dtype(dtype).kind in "UOT":
        return np.dtypes.StringDType()
    kind = np.dtype(dtype)
    return np.dtype(np.int64) if kind.kind == "M" else kind


def fill_value(dtype: np.dtype[Any]) -> Any:
    """Value that marks what was never written: NaN, the smallest signed or the largest unsigned number."""
    match dtype.kind:
        case "f":
            return dtype.type(np.nan)
        case "i":
            return np.iinfo(dtype).min
        case "u":
            return np.iinfo(dtype).max
        case "b":
            return False
        case _:
            return ""


def limit_threads(count: int) -> None:
    """Let zarr and blosc of this process use at most so many threads."""
    blosc.set_nthreads(1)
    zarr.config.set({"threading.max_workers": count, "async.concurrency": max(1, count) * 4})


def _at_least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, n) for n in shape)
