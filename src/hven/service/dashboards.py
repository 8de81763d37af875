"""The dashboards service: pages behind the hub, made by as many processes as there is need for.

``python -m hven.service.dashboards`` with the hub's `JUPYTERHUB_*` environment and `HVEN_PUBLIC_URL`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from urllib.parse import urlparse

from hven.core.logging import configure, get_logger
from hven.core.settings import Settings, load_settings

MOST_PROCESSES = 4
"""A page takes one process a third of a second, and some 300 MB of memory stay with each."""

log = get_logger(__name__)


def processes(settings: Settings) -> int:
    """How many processes make pages: one for one person, else one for each core up to a few."""
    if settings.server is None:
        return 1
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)


def main() -> None:
    """Run the service."""
    configure(json=True)
    url, count = os.environ["JUPYTERHUB_SERVICE_URL"], processes(load_settings())
    if count == 1:
        from hven.service.page_keys import Keys
        from hven.service.page_modules import page_server

        page_server.serve_pages(url, Keys(), lambda: log.info("dashboards listen", url=url))
    else:
        from hven.service.page_processes import serve

        where = urlparse(url)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # through what cleans up
        asyncio.run(serve(str(where.hostname), where.port or 0, count))


if __name__ == "__main__":
    main()
