"""Arrays and groups laid out by hand are to the byte what zarr lays out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from hven.model.data_id import Level
from hven.store import codecs
from hven.store.laid_out import lay_out_array, lay_out_group
from hven.store.opened import METADATA, open_array

NUMBERS = ["u1", "bool", "i2", "u2", "f4", "f8", "i8"]


@pytest.fixture
def theirs(tmp_path: Path) -> zarr.Group:
    return zarr.create_group(tmp_path / "theirs", zarr_format=3, attributes={"a": [1, 2], "b": "é"})


def test_a_group_is_that_of_zarr(theirs: zarr.Group, tmp_path: Path):
    lay_out_group(tmp_path / "ours", {"a": [1, 2], "b": "é"})
    assert (tmp_path / "ours" / METADATA).read_bytes() == (tmp_path / "theirs" / METADATA).read_bytes()


@pytest.mark.parametrize("dtype", [*map(np.dtype, NUMBERS), np.dtypes.StringDType()], ids=str)
@pytest.mark.parametrize("layout", [((10, 3), (4, 3), (8, 3)), ((10, 3), (10, 3), None), ((), (), None)], ids=str)
@pytest.mark.parametrize("level", [Level.L0, Level.L1])
def test_an_array_is_that_of_zarr(theirs: zarr.Group, tmp_path: Path, dtype, layout, level: Level):
    shape, *cut = layout
    text, dims = dtype.kind == "T", ["time", "x"][: len(shape)]
    common = {"fill_value": codecs.fill_value(dtype), "attributes": {"units": "s"}}
    lay_out_array(
        tmp_path / "ours", shape, dtype, codecs.Layout(*cut), compressor=codecs.compressor(level), dims=dims, **common
    )
    theirs.create_array(
        "one",
        shape=shape,
        dtype=str if text else dtype,
        chunks=cut[0],
        shards=cut[1],
        compressors=None if text else codecs.compressor(level),
        dimension_names=dims,
        **common,
    )
    assert (tmp_path / "ours" / METADATA).read_bytes() == (tmp_path / "theirs/one" / METADATA).read_bytes()


def test_an_array_that_is_there_is_left_alone(tmp_path: Path):
    cut, how = codecs.Layout((3,), None), {"compressor": codecs.compressor(Level.L1), "fill_value": 0}
    lay_out_array(tmp_path / "one", (3,), np.dtype("i4"), cut, **how)
    open_array(tmp_path / "one", writable=True)[...] = [1, 2, 3]
    with pytest.raises(FileExistsError):
        lay_out_array(tmp_path / "one", (5,), np.dtype("i4"), cut, **how)
    assert list(open_array(tmp_path / "one")[...]) == [1, 2, 3]
