"""The same blocks of `panoseti/calibrate` on Dask and on plain processes: what Dask costs."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import cloudpickle
from harness import Cost, Figure, measure
from movie import write_movie
from night import calibrate, ingest, observatory

from hven.cluster.engine import Engine, Outcome
from hven.cluster.local import LocalEngine
from hven.core.settings import Profile
from hven.observatory import Observatory
from hven.store.codecs import limit_threads

MEGABYTES = 166
"""Four blocks of whole shards."""
ROUNDS = 1


class PlainProcesses:
    """Processes of the standard library, each with as many threads as a Dask worker."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._pool = ProcessPoolExecutor(cores, get_context("spawn"), limit_threads, (1,))

    def map[T, R](self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[Outcome[R]]:
        packed = [cloudpickle.dumps((function, item)) for item in items]
        running = {self._pool.submit(_call, pair): index for index, pair in enumerate(packed)}
        for future in as_completed(running):
            yield Outcome(running[future], cloudpickle.loads(future.result()))

    def cancel(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._pool.shutdown()


def _call(packed: bytes) -> bytes:
    function, item = cloudpickle.loads(packed)
    return cloudpickle.dumps(function(item))


def figures() -> Iterator[Figure]:
    limit_threads(1)
    with tempfile.TemporaryDirectory() as name, observatory(Path(name)) as obs:
        ingest(obs, write_movie(Path(name), MEGABYTES))
        for workers, called in ((1, "one worker"), (2, "two workers")):
            rounds = [_round(obs, workers) for _ in range(ROUNDS)]
            plain, dask = (_median([r[i] for r in rounds]) for i in (0, 1))
            note = f"{dask.cpu:.1f} against {plain.cpu:.1f} CPU-s, {dask.wall:.1f} against {plain.wall:.1f} s"
            yield Figure(f"Dask on plain processes, {called}, CPU", _percent(dask.cpu, plain.cpu), "%", "<=", 10, note)
            yield Figure(f"Dask on plain processes, {called}, wall", _percent(dask.wall, plain.wall), "%", "<=", 10)


def _round(obs: Observatory, workers: int) -> tuple[Cost, Cost]:
    """One after the other, each alone and with its processes started and warm."""
    return _cost(PlainProcesses(workers), obs), _cost(LocalEngine(Profile(workers=workers)), obs)


def _cost(engine: Engine, obs: Observatory) -> Cost:
    calibrate(obs, engine)
    cost = measure(lambda: calibrate(obs, engine))
    engine.close()
    return cost


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


def _percent(value: float, reference: float) -> float:
    return 100 * (value / reference - 1)
