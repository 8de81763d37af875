"""A runner's workers on this machine are forked of it: what it has loaded, they need not load again."""

from __future__ import annotations

import os

from hven.core.loading import loading
from hven.core.settings import Settings


def fork_early(settings: Settings) -> None:
    """Load what jobs need and fork the process from which workers will be forked, where the engine has any here."""
    if settings.engine.kind != "local":
        return
    with loading():
        from hven.batch import work  # noqa: F401 - what workers share
        from hven.cluster.forking import fork_here
    fork_here(_as_worker)


def _as_worker() -> None:
    from hven.cluster.threads import WORKER_ENVIRONMENT
    from hven.store.one_thread import use_one_thread

    os.environ.update(WORKER_ENVIRONMENT)
    use_one_thread()
