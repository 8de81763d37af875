"""The same blocks of `panoseti/calibrate` on Dask and on plain processes: what Dask costs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import cloudpickle
from harness import Cost, Figure, interleave
from movie import write_movie
from night import calibrate, ingest, observatory

from hven.cluster.engine import Engine, Outcome
from hven.cluster.local import LocalEngine
from hven.cluster.threads import WHEN_LOADED
from hven.core.settings import Profile
from hven.observatory import Observatory
from hven.store.codecs import limit_threads

MEGABYTES = 330
"""Two blocks of whole shards."""
REPEATS = 3


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
    threads = patch.dict(os.environ, WHEN_LOADED)
    with threads, tempfile.TemporaryDirectory() as name, observatory(Path(name)) as obs:
        ingest(obs, write_movie(Path(name), MEGABYTES))
        plain, dask = _costs(obs, 2)
        note = f"{dask.cpu:.1f} against {plain.cpu:.1f} CPU-s; wall {dask.wall:.1f} against {plain.wall:.1f} s"
        yield Figure("CPU of Dask over two plain processes", _percent(dask.cpu, plain.cpu), "%", "<=", 10, note)
        plain, dask = _costs(obs, 1)
        note = f"{dask.wall:.1f} against {plain.wall:.1f} s; CPU {dask.cpu:.1f} against {plain.cpu:.1f} s"
        yield Figure("time on Dask over one plain process", _percent(dask.wall, plain.wall), "%", "<=", 10, note)


def _costs(obs: Observatory, workers: int) -> list[Cost]:
    """Of plain processes and of Dask, in turn, both started and warm."""
    engines: list[Engine] = [PlainProcesses(workers), LocalEngine(Profile(workers=workers))]
    costs = interleave(*(partial(calibrate, obs, engine) for engine in engines), repeats=REPEATS)
    for engine in engines:
        engine.close()
    return costs


def _percent(value: float, reference: float) -> float:
    return 100 * (value / reference - 1)
