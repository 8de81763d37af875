"""`hven batch`: the batch service."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from hven.cli.options import Site
from hven.core.loading import loading


def batch(
    *, as_json: Annotated[bool, typer.Option("--json", help="Log lines as JSON.")] = False, site: Site = None
) -> None:
    """Run submitted jobs until stopped; running ones then go back into the queue."""
    with loading():
        from hven.batch.make import make_service
        from hven.batch.service import only_one
        from hven.core.logging import configure
        from hven.core.settings import load_settings
        from hven.registry.database import Database

    configure(json=as_json)
    settings = load_settings(site)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with only_one(settings.state):
        database = Database(settings.platform_url)
        make_service(settings, database, site=site).run(stop)
        database.close()
