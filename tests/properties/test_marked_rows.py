"""Rows of a marked time are to every task as if they had never been taken, whatever is marked and however it is cut."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hven.cluster.inprocess import InProcess
from hven.core.settings import Settings
from hven.model.annotation import Annotation, Kind
from hven.model.data_id import DataId
from hven.model.query import DataQuery
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.registry.direct import DirectRegistry
from hven.store import codecs
from hven.store.records import read_provenance

sys.path.append(str(Path(__file__).parents[1] / "support"))
import tiny

ROWS = 1000
STEP = tiny.NS // 40

spans = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.integers(1, 200)).map(lambda s: (s[0], min(s[0] + s[1], ROWS))),
    min_size=1,
    max_size=3,
)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(codecs, "MAX_SHARD_ROWS", 256)


def processed(dataset: xr.Dataset, marks: list[tuple[int, int]], block_rows: int | None):
    """Content of all products by what they are, and rows that each of their inputs was left without."""
    with tempfile.TemporaryDirectory() as folder:
        place = Settings(root=Path(folder) / "data", state=Path(folder) / "state")
        place.root.mkdir()
        place.state.mkdir()
        instrument = tiny.instrument(Path(folder) / "tiny")
        with DirectRegistry(place.registry_url, place.root) as registry, InProcess(1) as engine:
            tiny.publish_frames(place.root, registry, 1, dataset)
            for number, (first, stop) in enumerate(marks):
                begin, end = (tiny.START + row * STEP for row in (first, stop))
                registry.annotate(Annotation(str(number), Kind.BAD, DataId(detector=1), "x", "ada", 1, begin, end))
            report = run_pipeline(
                load_pipeline(instrument, "all"), instrument=instrument, registry=registry, settings=place,
                engine=engine, query=DataQuery(), run="tiny/runs/all/1", user="ada", block_rows=block_rows,
            )  # fmt: skip
            report.raise_for_failures()
            notes = {str(p.ref.type): read_provenance(place.root / p.path).notes for p in report.products}
            left = {name: sum(t["rows"] for t in note.get("left_out", {}).values()) for name, note in notes.items()}
            return {str(p.ref): p.digest for p in report.products}, left


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(marks=spans, block_rows=st.sampled_from([None, 256, 512]), shuffled=st.booleans())
def test_marked_rows_are_as_if_never_taken(marks, block_rows, shuffled):
    dataset = tiny.frames(ROWS, seed=3, shuffled=shuffled)
    number = (dataset["time"].values.view(np.int64) - tiny.START) // STEP
    bad = np.zeros(ROWS, bool)
    for first, stop in marks:
        bad |= (number >= first) & (number < stop)

    found, left = processed(dataset, marks, block_rows)
    true, _ = processed(dataset.isel(time=np.flatnonzero(~bad)), [], None)

    assert found == true
    assert left["L1/tiny.signal"] == bad.sum()
