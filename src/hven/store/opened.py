"""Open the arrays of a product straight from their metadata files.

`zarr.open_array` asks its event loop for each of them, which takes five times as long as reading the metadata: a
product has a dozen arrays and is opened several times while it is made.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import zarr
from zarr.core.array import AsyncArray
from zarr.core.array_spec import ArrayConfigParams
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.storage import LocalStore, StorePath

METADATA = "zarr.json"
CONFIG: ArrayConfigParams = {"write_empty_chunks": True, "read_missing_chunks": False}
"""Whole shards are written, and what was never written is no data."""


def open_array(folder: Path, *, writable: bool = False, sparse: bool = False) -> zarr.Array[Any]:
    """Array whose metadata lie in a folder; they are read once while their file stays the same.

    Of a `sparse` one, what was never written is the fill value; else it is an error to read it.

    Raises
    ------
    FileNotFoundError
        When there are none.
    """
    status = (folder / METADATA).stat()
    return _open(folder, writable, sparse, status.st_ino, status.st_mtime_ns)


@lru_cache(maxsize=2048)
def _open(folder: Path, writable: bool, sparse: bool, _inode: int, _mtime_ns: int) -> zarr.Array[Any]:  # noqa: FBT001 - parts of the key
    metadata = ArrayV3Metadata.from_dict(json.loads((folder / METADATA).read_bytes()))
    where = StorePath(LocalStore(folder, read_only=not writable))
    return zarr.Array(AsyncArray(metadata=metadata, store_path=where, config={**CONFIG, "read_missing_chunks": sparse}))


def open_arrays(group: Path) -> dict[str, zarr.Array[Any]]:
    """All arrays of a group by name, in the order of their names."""
    folders = sorted(file.parent for file in group.glob(f"*/{METADATA}"))
    return {folder.name: open_array(folder) for folder in folders}
