"""The batch service as a process that is killed or stopped, and what becomes of its runners."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from batch_here import alive, end_group, make_site, pid_of, submit_slow, wait_until_at_work, wait_until_ended

from hven.batch.launcher import DirectLauncher
from hven.batch.model import JobState
from hven.batch.store import JobStore
from hven.registry.database import Database

SERVICE = """
import signal, sys, threading
from pathlib import Path
import batch_here
from hven.core.settings import load_settings
from hven.registry.database import Database
settings = load_settings(Path(sys.argv[1]))
service = batch_here.make(settings, Database(settings.platform_url), command=(sys.executable, sys.argv[2]))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
service.run(stop)
"""
"""Without chores, which these tests do not look at; `campaigns/test_unattended.py` kills one with all of them."""


@pytest.fixture
def site(tmp_path, database_settings):
    return make_site(tmp_path, **database_settings)


@pytest.fixture
def jobs(site):
    database = Database(site.platform_url)
    yield JobStore(database)
    database.close()


@pytest.fixture
def start_process(site, repository, tmp_path, jobs):
    """Start batch services as processes that can be ended; all processes are ended afterwards."""
    file = DirectLauncher(site)._site
    support = repository / "tests" / "support"
    started = []

    def begin():
        with (tmp_path / "service.log").open("ab") as log:
            command = [sys.executable, "-c", SERVICE, str(file), str(support / "slow_job.py")]
            started.append(subprocess.Popen(command, stderr=log, env={**os.environ, "PYTHONPATH": str(support)}))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    for job in jobs.find():
        if job.runner:
            end_group(pid_of(job))


def test_a_killed_service_leaves_its_runner_and_the_next_one_knows_it(start_process, jobs):
    job = submit_slow(jobs, quanta=20, seconds=0.2)
    service = start_process()
    runner = pid_of(wait_until_at_work(jobs, job))

    service.kill()
    service.wait()
    time.sleep(2.2)  # longer than a lease
    start_process()

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.attempt, pid_of(ended)) == (JobState.SUCCEEDED, 1, runner)


def test_a_stopped_service_leaves_no_runner_and_the_next_one_goes_on(start_process, jobs, site):
    job = submit_slow(jobs, quanta=12, seconds=0.2)
    service = start_process()
    runner = pid_of(wait_until_at_work(jobs, job))

    service.terminate()
    assert service.wait(timeout=30) == 0

    assert not alive(runner)
    paused = jobs.get(job)
    assert (paused.state, paused.attempt) == (JobState.READY, 0)
    assert not (site.state / "heartbeats" / "batch").exists()
    start_process()
    assert wait_until_ended(jobs, job).state == JobState.SUCCEEDED
