"""The batch service in this process, with real runners: starting a process of its own takes longer than its work."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from hven.batch.launcher import RUNNER, DirectLauncher
from hven.batch.lease import JobQueue
from hven.batch.service import BatchService


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
