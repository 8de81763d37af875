"""Samples come late, twice and in any portions: each is kept once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hven.model.telemetry import Field, Kind, Topic
from hven.telemetry import store
from hven.telemetry.store import TelemetryStore

MIDNIGHT = 1_761_091_200 * 10**9
MAST = Topic(
    name="mast", kind=Kind.TELEMETRY, doc="Two thermometers.", cadence_s=1, keys=("device",),
    fields=(
        Field(name="device", dtype="str", doc="Which."),
        Field(name="value", units="degC", doc="Temperature."),
        Field(name="count", units="1", dtype="int64", doc="Counter."),
    ),
)  # fmt: skip
times = st.integers(-6, 6).map(lambda n: MIDNIGHT + n)
samples = st.tuples(times, st.sampled_from("ab"), st.sampled_from([1.5, float("nan")]), st.integers(0, 1))
portions = st.lists(st.lists(samples, max_size=5), max_size=6)


def frame(some):
    return pd.DataFrame(some, columns=["time", "device", "value", "count"]).astype({"time": "int64", "count": "int64"})


def same(a, b):
    return a[1] == b[1] and (a[0] == b[0] or (np.isnan(a[0]) and np.isnan(b[0])))


def rows(kept):
    table = kept.table(MAST, (), 0, 1 << 62)
    return [(r.time, r.device, r.value, r.count_) for r in table.rename(columns={"count": "count_"}).itertuples()]


@pytest.fixture(scope="module")
def small_segments():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "MOST_ROWS", 4)
        yield


@settings(max_examples=12)
@given(portions)
def test_the_store_is_a_dictionary_whose_first_entry_stays(small_segments, some):
    expected, told = {}, []
    with tempfile.TemporaryDirectory() as folder:
        kept = TelemetryStore(Path(folder))
        for portion in some:
            told.append(kept.append(MAST, frame(portion)))
            before, counts = dict(expected), [0, 0, 0]
            for time, device, *values in sorted(portion, key=lambda s: (s[0], s[1])):
                there = expected.setdefault((time, device), values)
                kind = 0 if there is values else 1 if same(there, values) else 2
                counts[kind] += 1
            assert (told[-1].new, told[-1].duplicates, told[-1].conflicts) == tuple(counts)
            assert len(expected) - len(before) == counts[0]

        found = rows(kept)
        assert [(t, d) for t, d, *_ in found] == sorted(expected)
        assert all(same(expected[t, d], values) for t, d, *values in found)

        again = [kept.append(MAST, frame(portion)) for portion in reversed(some)]
        assert sum(a.new for a in again) == 0
        assert [r[:2] for r in rows(kept)] == [r[:2] for r in found]
