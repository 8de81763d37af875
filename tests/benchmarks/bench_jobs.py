"""Jobs through the table: submitted by one, claimed and finished by four processes at the same time.

Both databases sync what they commit, PostgreSQL a claim together with what follows it.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harness import Figure

from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState
from hven.batch.store import JobStore
from hven.core.settings import BatchSettings
from hven.registry.database import Database

sys.path.append(str(Path(__file__).parents[1] / "support"))

JOBS = 1000
CLAIMERS = 4
USERS = 10
RULES = BatchSettings(slots=JOBS)


def figures() -> Iterator[Figure]:
    """Rates on SQLite, and on PostgreSQL where it is installed."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _rates(f"sqlite:///{folder}/platform.sqlite", "SQLite", 80)
    import private_postgres

    if private_postgres.programs() is not None:
        with _postgresql() as url:
            yield from _rates(url, "PostgreSQL", 120)


def _rates(url: str, name: str, target: float) -> Iterator[Figure]:
    note = f"{JOBS} jobs of {USERS} users"
    yield Figure(f"jobs submitted, {name}", _submit(url), "jobs/s", ">=", 300, note)
    rate = _claim_and_finish(url)
    yield Figure(f"jobs claimed and finished, {name}", rate, "jobs/s", ">=", target, f"{CLAIMERS} processes")


def _submit(url: str) -> float:
    request = JobRequest(pipeline="panoseti/calibrate", values={"day_obs": (20251021,)})
    with closing(Database(url)) as database:
        store = JobStore(database, RULES)
        begin = time.perf_counter()
        for number in range(JOBS):
            store.submit(request, user=f"user{number % USERS}")
        return JOBS / (time.perf_counter() - begin)


def _claim_and_finish(url: str) -> float:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    claimers = [context.Process(target=_claimer, args=(url, ready, go)) for _ in range(CLAIMERS)]
    for claimer in claimers:
        claimer.start()
    for _ in claimers:
        ready.acquire()
    begin = time.perf_counter()
    go.set()
    for claimer in claimers:
        claimer.join()
    rate = JOBS / (time.perf_counter() - begin)
    with closing(Database(url)) as database:
        ended = JobStore(database, RULES).find(states=[JobState.SUCCEEDED])
    if len(ended) != JOBS:
        raise RuntimeError(f"{len(ended)} of {JOBS} jobs have ended")
    return rate


def _claimer(url: str, ready: object, go: object) -> None:
    with closing(Database(url)) as database:
        queue = JobQueue(database, lease_s=60, rules=RULES)
        ready.release()
        go.wait()
        while lease := queue.claim():
            queue.finish(lease, JobState.SUCCEEDED)


@contextmanager
def _postgresql() -> Iterator[str]:
    import private_postgres

    with private_postgres.socket_folder() as folder, private_postgres.server(folder, fsync=True) as url:
        yield url.format(name="postgres")
