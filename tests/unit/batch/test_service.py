"""The batch service with real runners; `test_service_ends.py` kills and stops it."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import batch_here
import pytest
from batch_here import alive, make_site, pid_of, submit_slow, wait_for, wait_until_at_work, wait_until_ended

from hven.batch.launcher import DirectLauncher, job_log
from hven.batch.lease import JobQueue
from hven.batch.model import JobState
from hven.batch.service import BatchService, only_one
from hven.batch.store import JobStore
from hven.core.errors import ConflictError
from hven.core.settings import Settings
from hven.registry.database import Database


class Working(NamedTuple):
    """A site whose service is at work, and its jobs."""

    site: Settings
    jobs: JobStore


@pytest.fixture(scope="module")
def slow_job(repository):
    return sys.executable, str(repository / "tests" / "support" / "slow_job.py")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request, new_database, tmp_path_factory, slow_job):
    """The batch service at work in this process, once on each kind of database."""
    folder = tmp_path_factory.mktemp("service")
    with new_database(request.param, folder) as url:
        own = {} if request.param == "sqlite" else {"registry_url": url, "platform_url": url}
        site = make_site(folder, **own)
        database = Database(site.platform_url)
        with batch_here.at_work(batch_here.make(site, database, command=slow_job)):
            yield Working(site, JobStore(database))
        database.close()


@pytest.fixture
def working(service):
    """The service, of whose jobs and files nothing is left afterwards."""
    yield service
    for job in service.jobs.find():
        if not job.state.ended:
            service.jobs.cancel(job.id, who="tycho")
            wait_until_ended(service.jobs, job.id)
    for file in service.site.root.glob("*.made"):
        file.unlink()


@pytest.fixture
def site(tmp_path):
    return make_site(tmp_path)


@pytest.fixture
def jobs(site):
    database = Database(site.platform_url)
    yield JobStore(database)
    database.close()


def test_jobs_run_and_their_end_is_told(working):
    site, jobs = working
    first, second = submit_slow(jobs), submit_slow(jobs)

    ended = [wait_until_ended(jobs, job) for job in (first, second)]

    assert [(e.state, e.counts.total, e.counts.done) for e in ended] == [(JobState.SUCCEEDED, 3, 3)] * 2
    assert [e.counts.reused for e in ended] == [0, 3]
    assert "job begins" in job_log(site, first).read_text()
    assert json.loads((site.state / "heartbeats" / "batch").read_text())["pid"]


def test_a_failed_quantum_fails_the_job_with_its_flavour_and_restart_finds_the_rest_done(working):
    site, jobs = working
    job = submit_slow(jobs, quanta=4, fail=[2])

    failed = wait_until_ended(jobs, job)

    assert (failed.state, failed.flavour) == (JobState.FAILED, "data")
    assert failed.error == "1 of 4 quanta failed, 0 were blocked; most often: it should"
    assert jobs.failures(job)[0].data_ids == ("detector=2",)
    (site.root / "2.made").write_text("mended")
    jobs.restart(job, who="tycho")
    again = wait_until_ended(jobs, job)
    assert (again.state, again.error, again.counts.reused) == (JobState.SUCCEEDED, "", 4)


def test_no_more_jobs_run_than_there_are_slots(working):
    jobs = working.jobs
    first, second = submit_slow(jobs, quanta=10, seconds=0.1), submit_slow(jobs)

    wait_until_at_work(jobs, first)

    assert jobs.get(second).state == JobState.READY
    assert jobs.get(second).position == 1


def test_a_cancelled_job_stops_and_keeps_what_it_made(working):
    site, jobs = working
    job = submit_slow(jobs, quanta=100, seconds=0.2)
    runner = pid_of(wait_until_at_work(jobs, job))

    jobs.cancel(job, who="tycho")

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.error, ended.cancelling) == (JobState.DELETED, "", False)
    assert 0 < ended.counts.done == len(list(site.root.glob("*.made"))) < 100
    wait_for(lambda: not alive(runner))


def test_a_killed_runner_has_an_heir_that_finds_what_is_done(working):
    jobs = working.jobs
    job = submit_slow(jobs, quanta=8, seconds=0.2)
    first = pid_of(wait_until_at_work(jobs, job))

    os.kill(first, signal.SIGKILL)

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)
    assert pid_of(ended) != first
    assert (ended.counts.done, ended.counts.reused >= 1) == (8, True)
    assert "lost" in [event.what for event in jobs.events(job_id=job)]


def test_a_runner_that_lost_its_lease_stops_and_reports_nothing(working):
    site, jobs = working
    job = submit_slow(jobs, quanta=100, seconds=0.2)
    runner = pid_of(wait_until_at_work(jobs, job))

    os.kill(runner, signal.SIGSTOP)
    wait_for(lambda: (found := jobs.get(job)).attempt == 2 and found.state == JobState.RUNNING)
    os.kill(runner, signal.SIGCONT)

    wait_for(lambda: not alive(runner))
    assert jobs.get(job).state == JobState.RUNNING
    assert "job lost" in job_log(site, job).read_text()


def test_runners_are_forked_from_one_process_and_from_a_new_one_when_that_has_died(jobs, site, slow_job):
    first, second, third = (submit_slow(jobs) for _ in range(3))
    launcher = DirectLauncher(site, command=slow_job)
    queue = JobQueue(jobs.database, lease_s=5)
    service = BatchService(queue, launcher, heartbeat=site.state / "beat")

    def parent_of_the_next():
        service.step()
        (runner,) = launcher._running.values()
        parent = Path(f"/proc/{runner.pid}/stat").read_text().rpartition(") ")[2].split()[1]
        runner.ended(wait=True)
        return int(parent)

    one, same = parent_of_the_next(), parent_of_the_next()
    os.kill(one, signal.SIGKILL)
    other = parent_of_the_next()
    launcher.kill()

    assert one == same != other
    assert [jobs.get(job).state for job in (first, second, third)] == [JobState.SUCCEEDED] * 3
    assert not alive(other)


def test_a_job_without_a_runner_is_tried_again_and_the_service_goes_on(jobs, site, tmp_path):
    lost, found = submit_slow(jobs), submit_slow(jobs)
    queue = JobQueue(jobs.database, lease_s=5)
    launcher = DirectLauncher(site, command=(str(tmp_path / "no-such-program"),))
    service = BatchService(queue, launcher, heartbeat=tmp_path / "beat")

    service.step()

    for job in (lost, found):
        failed = jobs.get(job)
        assert (failed.state, failed.retries) == (JobState.READY, {"infrastructure": 1})
        assert "no-such-program" in failed.error


def test_settings_of_runners_are_readable_by_their_owner_only(site):
    assert DirectLauncher(site)._site.stat().st_mode & 0o077 == 0


def test_a_second_service_on_the_same_state_is_refused(tmp_path):
    with only_one(tmp_path), pytest.raises(ConflictError, match="runs already"), only_one(tmp_path):
        pass


class Chore:
    name = "ailing"

    def __init__(self, fails):
        self.fails = fails
        self.done = 0

    def step(self):
        self.done += 1
        if self.done <= self.fails:
            raise ValueError("not yet")


def test_a_chore_that_fails_stops_neither_jobs_nor_other_chores(site, jobs, tmp_path):
    ailing, well = Chore(fails=2), Chore(fails=0)
    queue = JobQueue(jobs.database, lease_s=2)
    service = BatchService(queue, DirectLauncher(site), heartbeat=tmp_path / "heartbeat", chores=(ailing, well))

    for _ in range(3):
        service.step()

    assert (ailing.done, well.done) == (3, 3)
    assert (tmp_path / "heartbeat").exists()
