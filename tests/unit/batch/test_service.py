"""The batch service with real runners, and as a process where it is killed or stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import batch_here
import pytest

from hven.batch.launcher import DirectLauncher, job_log
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState
from hven.batch.service import BatchService, only_one
from hven.batch.store import JobStore
from hven.core.errors import ConflictError
from hven.core.settings import BatchSettings, EngineSettings, Settings
from hven.registry.database import Database

SERVICE = """
import signal, sys, threading
from pathlib import Path
from hven.batch.launcher import DirectLauncher
from hven.batch.service import make_service
from hven.core.settings import load_settings
from hven.registry.database import Database
settings = load_settings(Path(sys.argv[1]))
service = make_service(settings, Database(settings.platform_url))
service.launcher = DirectLauncher(settings, command=(sys.executable, sys.argv[2]))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
service.run(stop)
"""


@pytest.fixture
def site(tmp_path, database_settings):
    (tmp_path / "data").mkdir()
    return Settings(
        root=tmp_path / "data",
        state=tmp_path / "state",
        batch=BatchSettings(slots=1, lease_s=2),
        engine=EngineSettings(kind="inprocess"),
        **database_settings,
    )


@pytest.fixture
def slow_job(repository):
    return repository / "tests" / "support" / "slow_job.py"


@pytest.fixture
def jobs(site):
    database = Database(site.platform_url)
    yield JobStore(database)
    database.close()


@pytest.fixture
def start(site, slow_job, jobs):
    """Start the batch service in this process; its runners are ended afterwards."""
    service = batch_here.make(site, jobs.database, command=(sys.executable, str(slow_job)))
    with ExitStack() as stack:
        yield lambda: stack.enter_context(batch_here.at_work(service))


@pytest.fixture
def start_process(site, slow_job, tmp_path, jobs):
    """Start batch services as processes that can be ended; all processes are ended afterwards."""
    file = DirectLauncher(site)._site
    started = []

    def begin():
        log = (tmp_path / "service.log").open("ab")
        command = [sys.executable, "-c", SERVICE, str(file), str(slow_job)]
        started.append(subprocess.Popen(command, stderr=log))
        log.close()
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    for job in jobs.find():
        if job.runner:
            end_session(pid_of(job))


def submit(jobs, quanta=3, seconds=0.0, fail=()):
    config = {"slow": {"quanta": quanta, "s": seconds, "fail": list(fail)}}
    return jobs.submit(JobRequest(pipeline="panoseti/slow", config=config), user="tycho").id


def wait_for(condition, seconds=300.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def wait_until_ended(jobs, job):
    return wait_for(lambda: (found := jobs.get(job)).state.ended and found)


def wait_until_at_work(jobs, job):
    return wait_for(lambda: (found := jobs.get(job)).counts.done and found)


def pid_of(job):
    return int(job.runner.split(":")[1])


def end_session(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_jobs_run_and_their_end_is_told(start, jobs, site):
    first, second = submit(jobs), submit(jobs)
    start()

    ended = [wait_until_ended(jobs, job) for job in (first, second)]

    assert [(e.state, e.counts.total, e.counts.done) for e in ended] == [(JobState.SUCCEEDED, 3, 3)] * 2
    assert [e.counts.reused for e in ended] == [0, 3]
    assert "job begins" in job_log(site, first).read_text()
    assert json.loads((site.state / "heartbeats" / "batch").read_text())["pid"]


def test_a_failed_quantum_fails_the_job_with_its_flavour_and_restart_finds_the_rest_done(start_process, jobs, site):
    job = submit(jobs, quanta=4, fail=[2])
    start_process()

    failed = wait_until_ended(jobs, job)

    assert (failed.state, failed.flavour) == (JobState.FAILED, "data")
    assert failed.error == "1 of 4 quanta failed, 0 were blocked; most often: it should"
    assert jobs.failures(job)[0].data_ids == ("detector=2",)
    (site.root / "2.made").write_text("mended")
    jobs.restart(job, who="tycho")
    again = wait_until_ended(jobs, job)
    assert (again.state, again.error, again.counts.reused) == (JobState.SUCCEEDED, "", 4)


def test_no_more_jobs_run_than_there_are_slots(start, jobs):
    first, second = submit(jobs, quanta=10, seconds=0.1), submit(jobs)
    start()

    wait_until_at_work(jobs, first)

    assert jobs.get(second).state == JobState.READY
    assert jobs.get(second).position == 1


def test_a_cancelled_job_stops_and_keeps_what_it_made(start, jobs, site):
    job = submit(jobs, quanta=100, seconds=0.2)
    start()
    runner = pid_of(wait_until_at_work(jobs, job))

    jobs.cancel(job, who="tycho")

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.error, ended.cancelling) == (JobState.DELETED, "", False)
    assert 0 < ended.counts.done == len(list(site.root.glob("*.made"))) < 100
    wait_for(lambda: not alive(runner))


def test_a_killed_runner_has_an_heir_that_finds_what_is_done(start, jobs):
    job = submit(jobs, quanta=8, seconds=0.2)
    start()
    first = pid_of(wait_until_at_work(jobs, job))

    os.kill(first, signal.SIGKILL)

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)
    assert pid_of(ended) != first
    assert (ended.counts.done, ended.counts.reused >= 1) == (8, True)
    assert "lost" in [event.what for event in jobs.events(job_id=job)]


def test_a_killed_service_leaves_its_runner_and_the_next_one_knows_it(start_process, jobs):
    job = submit(jobs, quanta=20, seconds=0.2)
    service = start_process()
    runner = pid_of(wait_until_at_work(jobs, job))

    service.kill()
    service.wait()
    time.sleep(2.2)  # longer than a lease
    start_process()

    ended = wait_until_ended(jobs, job)
    assert (ended.state, ended.attempt, pid_of(ended)) == (JobState.SUCCEEDED, 1, runner)


def test_a_stopped_service_leaves_no_runner_and_the_next_one_goes_on(start_process, jobs, site):
    job = submit(jobs, quanta=12, seconds=0.2)
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


def test_a_runner_that_lost_its_lease_stops_and_reports_nothing(start_process, jobs, site):
    job = submit(jobs, quanta=100, seconds=0.2)
    start_process()
    runner = pid_of(wait_until_at_work(jobs, job))

    os.kill(runner, signal.SIGSTOP)
    wait_for(lambda: (found := jobs.get(job)).attempt == 2 and found.state == JobState.RUNNING)
    os.kill(runner, signal.SIGCONT)

    wait_for(lambda: not alive(runner))
    assert jobs.get(job).state == JobState.RUNNING
    assert "job lost" in job_log(site, job).read_text()


def test_runners_are_forked_from_one_process_and_from_a_new_one_when_that_has_died(jobs, site, slow_job):
    first, second, third = (submit(jobs) for _ in range(3))
    launcher = DirectLauncher(site, command=(sys.executable, str(slow_job)))
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
    lost, found = submit(jobs), submit(jobs)
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
