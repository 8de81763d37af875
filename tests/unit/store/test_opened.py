"""Arrays opened straight from their metadata are those that zarr itself opens."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from hven.store.opened import open_array, open_arrays


@pytest.fixture
def group(tmp_path):
    """A group with a sharded array, one without shards, a scalar, and one whose last chunk was never written."""
    made = zarr.create_group(tmp_path / "data.zarr", zarr_format=3)
    made.create_array("wide", data=np.arange(24.0).reshape(12, 2), chunks=(3, 2), shards=(6, 2), attributes={"a": 1})
    made.create_array("thin", data=np.arange(12), chunks=(12,), dimension_names=["time"])
    made.create_array("alone", data=np.array(7))
    made.create_array("torn", shape=(8,), chunks=(4,), dtype="i4")[:4] = 1
    return tmp_path / "data.zarr"


def test_arrays_are_those_of_zarr(group):
    theirs = dict(zarr.open_group(group, mode="r").arrays())
    ours = open_arrays(group)
    assert list(ours) == sorted(theirs)
    for name, array in theirs.items():
        assert ours[name].metadata == array.metadata
        if name != "torn":
            np.testing.assert_array_equal(ours[name][...], array[...])


def test_what_was_never_written_is_no_data(group):
    with pytest.raises(zarr.errors.ChunkNotFoundError):
        open_array(group / "torn")[...]


def test_only_who_asks_for_it_may_write(group):
    with pytest.raises(ValueError, match="read-only"):
        open_array(group / "thin")[0] = 5
    open_array(group / "thin", writable=True)[0] = 5
    assert zarr.open_array(group / "thin", mode="r")[0] == 5


def test_a_folder_without_metadata_is_named(group):
    with pytest.raises(FileNotFoundError, match="nothing"):
        open_array(group / "nothing")


def test_metadata_that_change_are_read_again(group):
    before = open_array(group / "thin")
    assert open_array(group / "thin") is before
    (group / "thin").rename(group / "older")
    zarr.open_group(group).create_array("thin", data=np.arange(3))
    assert open_array(group / "thin").shape == (3,)
