"""The batch service in this process, with real runners: starting a process of its own takes longer than its work."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from hven.batch.launcher import RUNNER, DirectLauncher
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest
from hven.batch.service import BatchService
from hven.core.settings import BatchSettings, EngineSettings, Settings


def make_site(folder, **more):
    """Settings of a site with one slot, whose runners work in their own process."""
    (folder / "data").mkdir()
    return Settings(
        root=folder / "data",
        state=folder / "state",
        batch=BatchSettings(slots=1, lease_s=2),
        engine=EngineSettings(kind="inprocess"),
        **more,
    )


def make(settings, database, *, command=RUNNER):
    """Make a service without chores."""
    queue = JobQueue(database, lease_s=settings.batch.lease_s, rules=settings.batch)
    launcher = DirectLauncher(settings, command=command)
    return BatchService(queue, launcher, heartbeat=settings.state / "heartbeats" / "batch")


@contextmanager
def at_work(service):
    """Let the service work in a thread; in the end it stops as it does on SIGTERM."""
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def submit_slow(jobs, quanta=3, seconds=0.0, fail=()):
    """A job for the runner of `slow_job.py`; gives its number."""
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


def end_group(pid):
    try:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False
