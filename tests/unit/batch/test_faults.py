"""Every part of a batch service killed in mid-run: one visible product a quantum, and nothing is done that is not.

Runner and worker are killed in each `make test`, all parts on both databases in `make soak`.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.append(str(Path(__file__).parents[2] / "support"))
import faults

from hven.batch.model import JobState

DETECTORS = 10


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def platform(request, new_database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with (
        pytest.MonkeyPatch.context() as patch,
        faults.plugin(folder / "plugin", patch),
        new_database(request.param, folder) as url,
    ):
        own = {} if request.param == "sqlite" else {"registry_url": url, "platform_url": url}
        made = faults.Platform(folder, **own)
        made.observe(DETECTORS)
        made.start("scheduler")
        made.start("service")
        yield made
        made.close()


@pytest.fixture(scope="module")
def undisturbed(platform):
    job = platform.submit()
    assert platform.wait(job).state == JobState.SUCCEEDED
    return platform.digests(job)


def check(platform, job, undisturbed):
    """What holds after every fault."""
    ended = platform.store.get(job)
    assert (ended.state, ended.counts.done, ended.counts.failed) == (JobState.SUCCEEDED, DETECTORS, 0), platform.logs()
    assert platform.digests(job) == undisturbed
    assert set(platform.on_disk().values()) == {1}
    claims = [event.what for event in reversed(platform.store.events(job_id=job)) if event.what != "submit"]
    assert claims.count("claim") == 1 + sum(claims.count(end) for end in ("lost", "retry", "pause"))


def at_work(platform, job):
    return platform.wait(job, until=lambda found: found.runner and found.counts.total)


SOAK = [pytest.param(part, marks=pytest.mark.soak) for part in ("service", "scheduler")]


@pytest.mark.parametrize("part", ["runner", "worker", *SOAK])
def test_killed_in_mid_run(platform, undisturbed, part):
    job = platform.submit(sleep_s=0.2 + 0.001 * len(platform.store.find()))
    at_work(platform, job)

    assert platform.kill(part, job)

    platform.wait(job)
    check(platform, job, undisturbed)


@pytest.mark.soak
def test_a_lost_connection_to_the_database(platform, undisturbed):
    job = platform.submit(sleep_s=0.2 + 0.001 * len(platform.store.find()))
    at_work(platform, job)

    cut(platform)

    platform.wait(job)
    check(platform, job, undisturbed)


def cut(platform):
    """PostgreSQL ends all connections but this; SQLite's file is kept by another writer for a while."""
    if platform.store.database.is_sqlite:
        threading.Thread(target=keep, args=(platform.settings.state / "platform.sqlite",)).start()
        return
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    with platform.store.database.engine.connect() as connection:
        connection.execute(sa.text(others))


def keep(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(2)
        connection.execute("COMMIT")


@pytest.mark.soak
def test_a_quantum_that_kills_its_workers_fails_alone_and_the_job_says_so(platform):
    if not platform.store.database.is_sqlite:
        pytest.skip("nothing in it depends on the database")
    job = platform.submit(kill_detector=3)

    ended = platform.wait(job)

    assert (ended.state, ended.flavour, ended.retries) == (JobState.FAILED, "infrastructure", {"infrastructure": 3})
    assert (ended.counts.done, ended.counts.failed) == (DETECTORS - 1, 1)
    (failure,) = platform.jobs.failures(job)
    assert "detector=3" in failure.data_ids[0]
