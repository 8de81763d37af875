"""A site of the tiny telescope whose jobs run in this process, one at a time."""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager

import tiny
import tiny_plugin

from hven.batch.attempt import process, run_job
from hven.batch.jobs import DirectJobs
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.settings import EngineSettings, Profile, Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

ENGINE = EngineSettings(kind="inprocess", profiles={"one": Profile(workers=2)}, default_profile="one")


class TinySite:
    """An operator, `tycho`, with the frames of some detectors and jobs that run when they are told to."""

    def __init__(self, folder, detectors=(1, 2, 3), **places):
        (folder / "data").mkdir(parents=True)
        self.settings = Settings(
            root=folder / "data", state=folder / "state", instruments=("tiny",), engine=ENGINE, **places
        )
        self.registry = DirectRegistry(self.settings.registry_url, self.settings.root)
        for detector in detectors:
            tiny.publish_frames(self.settings.root, self.registry, detector, tiny.frames(300, detector))
        self.store = JobStore(Database(self.settings.platform_url))
        self.queue = JobQueue(self.store.database, lease_s=60)
        self.jobs = self.jobs_of("tycho", operator=True)

    def jobs_of(self, user, *, operator=False):
        return DirectJobs(self.settings, self.store, self.registry, user=user, operator=operator)

    def submit(self, **request):
        return self.jobs.submit(JobRequest(pipeline="tiny/all", **request)).id

    def run_next(self):
        """Run the job that is next; gives it as it ended."""
        lease = self.queue.claim()
        before = signal.getsignal(signal.SIGTERM)
        try:
            run_job(
                self.settings, lease, process, JobQueue(Database(self.settings.platform_url), lease_s=60),
                lambda: DirectRegistry(self.settings.registry_url, self.settings.root),
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGTERM, before)
        return self.jobs.get(lease.job)

    def run(self, **request):
        self.submit(**request)
        return self.run_next()


@contextmanager
def opened(folder, monkeypatch, **more):
    """The site, with the telescope installed as a plug-in."""
    with tiny_plugin.installed(folder / "plugin", monkeypatch):
        site = TinySite(folder, **more)
        with closing(site.registry), closing(site.jobs):
            yield site
