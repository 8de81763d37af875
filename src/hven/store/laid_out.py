"""Lay out groups and arrays as the metadata files that zarr would write.

`zarr.create_array` goes through its event loop several times for each array; a product has a dozen arrays, and its
overviews have more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from zarr.codecs import BloscCodec, BytesCodec, ShardingCodec, VLenUTF8Codec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.dtype import parse_dtype

from hven.store.codecs import Layout
from hven.store.opened import METADATA

_NO_ATTRS: Mapping[str, Any] = {}


def lay_out_group(folder: Path, attributes: Mapping[str, Any] = _NO_ATTRS) -> None:
    """Make the folder of a group, with its attributes.

    Raises
    ------
    FileExistsError
        When the folder is there already.
    """
    folder.mkdir()
    record = {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}
    (folder / METADATA).write_text(json.dumps(record, indent=2))


def lay_out_array(
    folder: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    cut: Layout,
    *,
    compressor: BloscCodec,
    fill_value: Any,
    dims: Sequence[str] | None = None,
    attributes: Mapping[str, Any] = _NO_ATTRS,
) -> None:
    """Make the folder of an array; text is not compressed.

    Raises
    ------
    FileExistsError
        When the folder is there already.
    """
    text = dtype.kind == "T"
    inner = (VLenUTF8Codec(),) if text else (BytesCodec(), compressor)
    metadata = ArrayV3Metadata(
        shape=shape,
        data_type=parse_dtype(str if text else dtype, zarr_format=3),
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": cut.shards or cut.chunks}},
        chunk_key_encoding={"name": "default", "configuration": {"separator": "/"}},
        fill_value=fill_value,
        codecs=[ShardingCodec(chunk_shape=cut.chunks, codecs=inner)] if cut.shards else inner,
        attributes=dict(attributes),
        dimension_names=dims or None,
    )
    folder.mkdir()
    document = metadata.to_buffer_dict(default_buffer_prototype())[METADATA]
    (folder / METADATA).write_bytes(document.to_bytes())
