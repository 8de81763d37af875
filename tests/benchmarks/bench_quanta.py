"""Many small quanta through the batch service, beside the same calls in plain worker processes; and large graphs."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import burning
from bench_dask import PlainProcesses
from harness import Figure
from night import observatory

from hven.batch.make import make_service
from hven.batch.model import JobState
from hven.model.query import DataQuery
from hven.observatory import Observatory
from hven.pipeline.bind import bind
from hven.pipeline.graph import Quantum, build_graph
from hven.pipeline.load import load_pipeline
from hven.pipeline.work import Place, Work
from hven.pipeline.worker import run_block
from hven.registry.database import Database

WHOLE = 10_000
WINDOW = 5_000
"""Quanta of one job at most."""
QUANTA = int(os.environ.get("HVEN_BENCH_QUANTA", "600"))
"""Of one measurement; ``HVEN_BENCH_QUANTA=10000`` measures all of them, which takes 2000 s of processor time."""
WORKERS = 2
GRAPHS = (25_000, 50_000, 100_000)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, burning.installed(Path(name) / "plugin") as instrument:
        steps = bind(load_pipeline(instrument, "burning/burn"), instrument)
        yield from _service(Path(name) / "service", steps)
        yield from _graphs(Path(name) / "graphs", steps)


def _service(folder: Path, steps: tuple) -> Iterator[Figure]:
    """Wall time of jobs from submitting to succeeding, their start counted once for each `WINDOW` quanta."""
    with observatory(folder) as obs:
        burning.seed(obs.settings.root, obs.registry, QUANTA + burning.DETECTORS)
        graph = build_graph(steps, obs.registry, DataQuery())[:QUANTA]
        half = _plain_s(obs, graph[: QUANTA // 2])
        starting, working = _served(obs)
        plain = half + _plain_s(obs, graph[QUANTA // 2 :])
    percent = 100 * (working / plain - 1)
    start_percent = 100 * starting * (WHOLE / WINDOW) / (plain * WHOLE / QUANTA)
    note = (
        f"{QUANTA} quanta: {working:.1f} s against {plain:.1f} s; with {starting:.1f} s to start each job "
        f"of {WINDOW}, {WHOLE} take {percent + start_percent:.1f} % more"
    )
    yield Figure("batch service over plain processes", percent + start_percent, "%", "<=", 10, note)


def _plain_s(obs: Observatory, quanta: list[Quantum]) -> float:
    """Seconds of the same calls in started, warm processes of the standard library."""
    place = Place(obs.settings.root, "bench", "burning/runs/plain/1", "bench", "burning/burn")
    jobs = [job for q in quanta for job in Work(q, "", _inputs(q), place, None).jobs()]
    with closing(PlainProcesses(WORKERS)) as processes:
        list(processes.map(run_block, jobs[: 2 * WORKERS]))
        begin = time.perf_counter()
        outcomes = list(processes.map(run_block, jobs))
        seconds = time.perf_counter() - begin
    assert len(outcomes) == len(quanta)
    return seconds


def _inputs(quantum: Quantum) -> dict:
    return {name: tuple(source for _, source in datasets) for name, datasets in quantum.inputs.items()}


def _served(obs: Observatory) -> tuple[float, float]:
    """Seconds from submitting until the first quantum begins, and from there to the end, of all jobs.

    The service has done a job before, as the plain processes have run some calls.
    """
    database = Database(obs.settings.platform_url)
    service, stop = make_service(obs.settings, database), threading.Event()
    thread = threading.Thread(target=service.run, args=(stop,))
    thread.start()
    starts, works = [], []
    *observations, another = [f"o{number:05d}" for number in range(-(-QUANTA // burning.DETECTORS) + 1)]
    at_once = WINDOW // burning.DETECTORS
    try:
        _job(obs, [another])
        for first in range(0, len(observations), at_once):
            start, work = _job(obs, observations[first : first + at_once])
            starts.append(start)
            works.append(work)
    finally:
        stop.set()
        thread.join()
        database.close()
    return median(starts), sum(works)


def _job(obs: Observatory, observations: list[str]) -> tuple[float, float]:
    begin = time.time_ns()
    result = obs.submit("burning/burn", shared=True, job_class="data-release", observation=observations).result()
    end = time.time_ns()
    assert result.job.state == JobState.SUCCEEDED, result.job.error
    first = min(record.began_ns for record in obs.registry.quanta(run=result.job.run))
    return (first - begin) / 1e9, (end - first) / 1e9


def _graphs(folder: Path, steps: tuple) -> Iterator[Figure]:
    with observatory(folder) as obs:
        burning.seed(obs.settings.root, obs.registry, max(GRAPHS), files=False)
        rates, bytes_each = [], []
        for count in GRAPHS:
            query = DataQuery.of(f"observation < 'o{count // burning.DETECTORS:05d}'")
            begin = time.perf_counter()
            graph = build_graph(steps, obs.registry, query)
            rates.append(len(graph) / (time.perf_counter() - begin))
            assert len(graph) == count
            del graph
            bytes_each.append(_bytes(obs, steps, query) / count)
    note = ", ".join(
        f"{r:.0f}/s and {b / 1e3:.2f} kB each of {n}" for r, b, n in zip(rates, bytes_each, GRAPHS, strict=True)
    )
    yield Figure("quantum graph", rates[-1], "quanta/s", ">=", 10_000, note)
    growth = bytes_each[-1] / bytes_each[0]
    yield Figure("memory of a quantum in a four times larger graph", growth, "x", "<=", 1.1, note)


def _bytes(obs: Observatory, steps: tuple, query: DataQuery) -> int:
    tracemalloc.start()
    graph = build_graph(steps, obs.registry, query)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert graph
    return held
