"""Digests of content: what two equal products have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from hven.model.digest import digest_json
from hven.model.origin import ORIGIN

if TYPE_CHECKING:
    import xarray as xr

_READ_BYTES = 64 << 20


class ArrayDigest:
    """Digest of one array, fed with its rows in order, in pieces of any length.

    Parameters
    ----------
    threads
        How many hash at the same time.

    Examples
    --------
    >>> whole, parts = ArrayDigest(), ArrayDigest()
    >>> whole.update(np.arange(10))
    >>> parts.update(np.arange(4)); parts.update(np.arange(4, 10))
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._blake3 = blake3(max_threads=threads)

    def update(self, values: np.ndarray[Any, Any]) -> None:
        """Add rows."""
        if _is_text(values.dtype):
            for item in values.ravel():
                self._blake3.update(str(item).encode() + b"\0")
        elif values.size:
            self._blake3.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8))

    def hexdigest(self) -> str:
        """BLAKE3 of everything added so far."""
        return self._blake3.hexdigest()


def digest_dataset(dataset: xr.Dataset, *, arrays: Mapping[str, str] | None = None, threads: int = 1) -> str:
    """Digest of structure, coordinates, arrays and attributes; lazy data are read a part at a time.

    Attributes named `history`, those of `hven.model.origin` and those starting with `hven_` say how and where a product
    was made and do not count.

    Parameters
    ----------
    dataset
        In memory or lazy.
    arrays
        Digests of arrays known already (`ArrayDigest.hexdigest`), by name; these are not read.
    threads
        Threads that hash.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset({"a": ("x", np.arange(3))})
    >>> digest_dataset(ds) == digest_dataset(ds.chunk({"x": 1}))
    True
    """
    known = arrays or {}
    digest = hashlib.sha256(digest_json(_plain(dataset.attrs)).encode())
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        kind = "str" if _is_text(variable.dtype) else variable.dtype.str
        head = [name, name in dataset.coords, variable.dims, variable.shape, kind, _plain(variable.attrs)]
        digest.update(digest_json(head).encode())
        digest.update((known.get(name) or digest_array(variable, threads=threads)).encode())
    return digest.hexdigest()


def digest_array(variable: xr.Variable, *, threads: int = 1) -> str:
    """Digest of one array's values, read a part at a time; see `ArrayDigest`."""
    digest = ArrayDigest(threads=threads)
    if not variable.ndim:
        digest.update(np.asarray(variable.values).reshape(1))
        return digest.hexdigest()
    for start, stop in _parts(variable):
        digest.update(np.asarray(variable[start:stop].values))
    return digest.hexdigest()


def _parts(variable: xr.Variable) -> Iterator[tuple[int, int]]:
    """Pieces that are read whole: the chunks of a Dask array, else a fixed number of bytes."""
    rows = variable.shape[0]
    row_bytes = max(1, variable.dtype.itemsize * int(np.prod(variable.shape[1:], dtype=np.int64)))
    step = 1 << max(0, (_READ_BYTES // row_bytes).bit_length() - 1)
    edges = np.cumsum((0, *variable.chunks[0])).tolist() if variable.chunks else [*range(0, rows, step), rows]
    yield from pairwise(edges)


def _is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "UOT"


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(k): v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v
        for k, v in attrs.items()
        if k != "history" and k not in ORIGIN and not str(k).startswith("hven_")
    }
