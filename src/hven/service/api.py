"""The API as a service of the hub: ``python -m hven.service.api`` with the hub's `JUPYTERHUB_*` environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlparse

from hven.core.loading import loading

with loading():
    import uvicorn

    from hven.batch.jobs import DirectJobs, Jobs
    from hven.batch.lease import JobQueue
    from hven.batch.store import JobStore
    from hven.core.errors import SettingsError
    from hven.core.logging import configure
    from hven.core.settings import load_settings
    from hven.observatory import connect
    from hven.registry.database import Database
    from hven.service.app import create_app
    from hven.service.auth import BY_HUB, Auths, Caller, HubAuthentication
    from hven.service.handlers.parts import viewer
    from hven.service.leases import BY_LEASE, LeaseAuthentication

STOP_S = 5
"""When it is told to stop, requests that are being answered (streams never end by themselves) get so long."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Host and port on which the hub expects the service.

    Raises
    ------
    SettingsError
        When the hub has not started this process, or the address is not on loopback.
    """
    url = urlparse(environ.get("JUPYTERHUB_SERVICE_URL", ""))
    if not url.hostname or not url.port:
        raise SettingsError("JUPYTERHUB_SERVICE_URL names no host and port", hint="The hub starts this service.")
    if url.hostname not in LOOPBACK:
        raise SettingsError(f"the API would listen on {url.hostname}", hint="It listens on loopback, behind the hub.")
    return url.hostname, url.port


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Serve until told to stop."""
    configure(json=True)
    host, port = address(environ)
    observatory = connect(load_settings(environ=environ))
    store = JobStore(Database(observatory.settings.platform_url), observatory.settings.batch)

    def jobs_of(caller: Caller) -> Jobs:
        settings, by = observatory.settings, viewer(caller, observatory.settings)
        seen = observatory.registry.seen_by(by)
        return DirectJobs(settings, store, seen, user=caller.name, operator=caller.may("operate"), viewer=by)

    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    rules = observatory.settings.batch
    queue = JobQueue(store.database, lease_s=rules.lease_s, rules=rules)
    auths: Auths = {BY_HUB: HubAuthentication(), BY_LEASE: LeaseAuthentication(queue)}
    app = create_app(observatory, jobs_of, auths, prefix=prefix)
    quiet = {"access_log": False, "server_header": False, "log_level": "warning"}
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=STOP_S, **quiet)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
