from __future__ import annotations

import numpy as np
import pytest
from demo_products import FRAMES
from hypothesis import given
from hypothesis import strategies as st

from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable
from hven.store import codecs


@given(st.integers(1, 10**7), st.integers(1, 1 << 26), st.sampled_from(["u1", "u2", "f8"]))
def test_chunks_and_shards_fit_each_other(rows: int, width: int, dtype: str):
    kind = np.dtype(dtype)
    wide = DatasetType("a.b", Level.L0, "array", (), (Variable("v", ("time", "x"), dtype, "", ""),), "")
    shard = codecs.shard_rows(wide, {"x": width})
    cut = codecs.layout((rows, width), kind, shard)
    file_rows = (cut.shards or cut.chunks)[0]

    assert shard & (shard - 1) == 0
    assert shard == 1 or shard * width * kind.itemsize <= codecs.MAX_SHARD_BYTES
    assert file_rows == shard or rows < shard
    assert file_rows % cut.chunks[0] == 0
    assert cut.chunks[0] == 1 or cut.shards is None or cut.chunks[0] * width * kind.itemsize <= codecs.CHUNK_BYTES


def test_the_shard_length_does_not_depend_on_the_number_of_rows():
    assert codecs.shard_rows(FRAMES, {"y": 32, "x": 32, "quabo": 4}) == 65536
    assert codecs.shard_rows(FRAMES, {"y": 4096, "x": 4096, "quabo": 4}) == 8


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i8", "f4", "f8", "bool"])
def test_what_was_never_written_is_marked_by_a_value_outside_the_data(dtype: str):
    value = codecs.fill_value(np.dtype(dtype))

    assert np.dtype(dtype).type(value) == value or np.isnan(value)
    assert value != 0 or dtype == "bool"
