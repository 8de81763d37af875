"""Digests of content: what two equal products have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

_ROWS_AT_ONCE_BYTES = 64 << 20


def digest_json(value: object) -> str:
    """sha256 of a JSON value with sorted keys.

    Examples
    --------
    >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def digest_dataset(dataset: xr.Dataset) -> str:
    """sha256 of structure, coordinates, arrays and attributes; lazy data are read a part at a time.

    Attributes named `history` or starting with `hven_` say how and where a product was made and do not count.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset({"a": ("x", np.arange(3))})
    >>> digest_dataset(ds) == digest_dataset(ds.chunk({"x": 1}))
    True
    """
    digest = hashlib.sha256(digest_json(_plain(dataset.attrs)).encode())
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        kind = "str" if _is_text(variable.dtype) else variable.dtype.str
        head = [name, name in dataset.coords, variable.dims, variable.shape, kind, _plain(variable.attrs)]
        digest.update(digest_json(head).encode())
        _update(digest, variable)
    return digest.hexdigest()


def _is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "UOT"


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(k): v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v
        for k, v in attrs.items()
        if k != "history" and not str(k).startswith("hven_")
    }


def _update(digest: hashlib._Hash, variable: xr.Variable) -> None:
    rows = variable.shape[0] if variable.ndim else 0
    step = max(1, _ROWS_AT_ONCE_BYTES // max(1, variable.dtype.itemsize * int(np.prod(variable.shape[1:]))))
    parts = [variable[i : i + step] for i in range(0, rows, step)] if variable.ndim else [variable]
    for part in parts:
        values = np.asarray(part.values)
        if _is_text(values.dtype):
            for item in values.ravel():
                digest.update(str(item).encode() + b"\0")
        else:
            digest.update(np.ascontiguousarray(values).tobytes())
