"""The API without a hub, served on a port of its own: for callers that the hub need not know."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from hven.batch.jobs import DirectJobs
from hven.batch.lease import JobQueue
from hven.batch.store import JobStore
from hven.registry.database import Database
from hven.service.app import create_app
from hven.service.leases import BY_LEASE, LeaseAuthentication


class ApiServer:
    """Serves an observatory to runners; it can be stopped and started again on the same port."""

    def __init__(self, observatory, **auths):
        self.observatory = observatory
        self.database = Database(observatory.settings.platform_url)
        self.store = JobStore(self.database)
        self.queue = JobQueue(self.database, lease_s=observatory.settings.batch.lease_s)
        self.auths = {BY_LEASE: LeaseAuthentication(self.queue), **auths}
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port = held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        app = create_app(self.observatory, self._jobs_of, self.auths)
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="warning", access_log=False))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def stop(self):
        self._server.should_exit = True
        self._thread.join()

    def _jobs_of(self, caller):
        operator = caller.may("operate")
        obs = self.observatory
        return DirectJobs(obs.settings, self.store, obs.registry, user=caller.name, operator=operator)


@contextmanager
def serving(observatory, **auths):
    """A running API."""
    server = ApiServer(observatory, **auths)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.database.close()
