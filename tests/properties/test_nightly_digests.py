"""The real nightly pipeline gives the same content, however it is cut and whoever runs it."""

from __future__ import annotations

import numpy as np
import pytest

import hven
from hven.archive.ingest import Archive
from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine
from hven.core.clock import parse_utc
from hven.core.settings import Profile, Settings
from hven.instruments import load
from hven.instruments.panoseti.simulator import PALOMAR, Run, write_run
from hven.instruments.panoseti.simulator.night import FAULTS
from hven.model.query import DataQuery
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.store import codecs

PANOSETI = load("panoseti")
ANDROMEDA = (10.7, 41.3)
RUNS = (
    Run(
        "images_and_events",
        parse_utc("2025-10-22T05:00:00Z"),
        ANDROMEDA,
        movie_s=7.0,
        pulses=2,
        events_s=120.0,
        faults=FAULTS,
    ),
    Run(
        "bytes_and_quabos",
        parse_utc("2025-10-22T08:00:00Z"),
        ANDROMEDA,
        movie_s=11.0,
        events_s=30.0,
        telescopes=PALOMAR[:1],
        movie_product="img8",
        events_product="ph256",
    ),
)
"""All that a telescope records, movies longer than two shards of `MAX_SHARD_ROWS` below."""


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    root = tmp_path_factory.mktemp("digests")
    (root / "data").mkdir()
    for run in RUNS:
        write_run(root / "raw", run, seed=7)
    with hven.connect(Settings(root=root / "data", state=root / "state")) as observatory:
        archive = Archive(observatory.settings, observatory.registry, [PANOSETI])
        assert archive.ingest([root / "raw"]).exit_code == 0
        archive.close()
        yield observatory


def digests(observatory, engine, run, block_rows=None):
    """Content digest of every product of a run made from nothing."""
    report = run_pipeline(
        load_pipeline(PANOSETI, "panoseti/nightly"),
        instrument=PANOSETI,
        registry=observatory.registry,
        settings=observatory.settings,
        engine=engine,
        query=DataQuery(),
        run=f"panoseti/runs/nightly/{run}",
        user="tycho",
        force=True,
        block_rows=block_rows,
    )
    report.raise_for_failures()
    return {str(p.ref): p.digest for p in report.products}


MARKED = (("2025-10-22T05:00:02", "2025-10-22T05:00:45"), ("2025-10-22T08:00:01.2", "2025-10-22T08:00:05.7"))
"""A part of the movie and of the events of each run."""


def test_no_later_stage_sees_a_time_that_is_marked_bad_however_it_is_cut(observatory, monkeypatch):
    marks = [observatory.annotate("clouds", bad=True, begin=b, end=e, instrument="panoseti") for b, e in MARKED]
    spans = [(mark.begin_ns, mark.end_ns) for mark in marks]
    with InProcess(1) as engine:
        whole = digests(observatory, engine, "marked")
    monkeypatch.setattr(codecs, "MAX_SHARD_ROWS", 256)
    with InProcess(2) as engine:
        assert digests(observatory, engine, "marked.cut", block_rows=256) == whole
    for mark in marks:
        observatory.retract(mark, "it was another night")

    found = [p for name in KEPT for p in observatory.query(name, level="L2", bad=True)]
    assert {p.ref.type.name for p in found} == set(KEPT)
    for product in found:
        table = observatory.open_product(product, chunks=None)
        times = table["time"].values.astype(np.int64)
        assert not any(((begin <= times) & (times < end)).any() for begin, end in spans)
        if "frame" in table:
            assert_frames_are_those_of_the_events(observatory, product, table)
    noted = [observatory.provenance(p).notes["left_out"] for p in found]
    assert all(any(told["rows"] for told in note.values()) for note in noted)


KEPT = ("panoseti.pulses", "panoseti.showers", "panoseti.coincidences")


def assert_frames_are_those_of_the_events(observatory, product, table):
    """Row `frame` of the dataset that an event comes from has its time."""
    times = {}
    for source in observatory.provenance(product).inputs:
        frames = observatory.open_product(observatory.registry.get(source.id), chunks=None)
        key = source.data_id["detector"], frames.attrs["data_product"]
        times[key] = np.sort(frames["time"].values)
    for row in range(table.sizes["event"]):
        event = table.isel(event=row)
        key = next(k for k in times if k[0] == int(event["detector"]) and k[1] == event.get("product", k[1]))
        assert times[key][int(event["frame"])] == event["time"].values


def test_blocks_shards_and_workers_leave_no_trace_in_the_content(observatory, monkeypatch):
    with InProcess(1) as engine:
        whole = digests(observatory, engine, "whole")
    monkeypatch.setattr(codecs, "MAX_SHARD_ROWS", 256)
    with InProcess(2) as engine:
        assert digests(observatory, engine, "cut", block_rows=256) == whole
    with LocalEngine(Profile(workers=2)) as engine:
        assert digests(observatory, engine, "workers", block_rows=512) == whole
    nightly = bind(load_pipeline(PANOSETI, "panoseti/nightly"), PANOSETI)
    made = {str(t.type_name) for step in nightly for t in step.outputs.values()}
    assert all(any(name in ref for ref in whole) for name in made)
