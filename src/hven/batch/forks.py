"""Runners and their workers on this machine are forked: what the process before them has loaded, they need not load."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from hven.cluster.loaded import load_work
from hven.core.loading import loading
from hven.core.settings import Settings, load_settings

_RUNNERS = ("hven.batch.attempt", "hven.batch.work", "hven.registry.direct", "structlog")
_ENGINE = "hven.cluster.local"


def load_early(site: Path) -> None:
    """Load what all jobs of a site need, in the process from which runners will be forked."""
    settings = load_settings(site)
    with loading():
        for name in _RUNNERS:
            import_module(name)
    load_work()
    if settings.engine.kind == "local":
        with loading():
            import_module(_ENGINE)
            from hven.cluster.forking import load
        load()


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
