"""The API in this process, for callers whom the test names; a real server on a real socket."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import uvicorn

from hven.batch.jobs import DirectJobs
from hven.batch.store import JobStore
from hven.registry.database import Database
from hven.service.app import create_app
from hven.service.auth import BY_HUB, Caller
from hven.service.handlers.parts import viewer


class Guests:
    """Knows callers by secrets ``<name>.<verb>.<verb>``: whom the hub would vouch for."""

    async def caller(self, secret):
        name, *verbs = secret.split(".")
        return Caller(name, frozenset(f"custom:hven:{verb}" for verb in verbs))


@contextmanager
def serve(observatory):
    """Serve an observatory; gives the address."""
    store = JobStore(Database(observatory.settings.platform_url))

    def jobs_of(caller):
        by = viewer(caller, observatory.settings)
        seen, operator = observatory.registry.seen_by(by), caller.may("operate")
        return DirectJobs(observatory.settings, store, seen, user=caller.name, operator=operator, viewer=by)

    app = create_app(observatory, jobs_of, {BY_HUB: Guests()})
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        store.database.close()
