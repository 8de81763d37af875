"""Nobody works on the state while it is exchanged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from hven.batch.service import only_one as only_batch
from hven.core.errors import ConflictError
from hven.core.settings import Settings
from hven.hub.layout import Layout
from hven.hub.run_record import only_one

_STOP = "Stop the platform first: `hven down`, or `systemctl stop hven.target`."


@contextmanager
def quiet(settings: Settings) -> Iterator[None]:
    """Keep the platform from starting; raises ConflictError when it, or any process that holds its databases, runs."""
    layout = Layout.of(settings)
    layout.create()
    with only_one(layout), ExitStack() as locks:
        if (settings.state / "batch" / "lock").exists():  # it belongs to the batch service's account
            locks.enter_context(only_batch(settings.state))
        for process in users_of(_files(settings)):
            raise ConflictError(
                f"process {process.pid} ({' '.join(process.cmdline()[:6])}) uses the databases of {settings.state}",
                hint=_STOP,
            )
        yield


def _files(settings: Settings) -> list[Path]:
    hub = Layout.of(settings).hub / "jupyterhub.sqlite"
    return [hub, *(file for file in map(sqlite_file, (settings.registry_url, settings.platform_url)) if file)]


def sqlite_file(url: str) -> Path | None:
    """File of an SQLite URL; None for another database."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def users_of(files: Iterable[Path]) -> Iterator[psutil.Process]:
    """Processes other than this one that have one of some files open; root sees everybody's."""
    wanted = {str(file.resolve()) for file in files}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and wanted & {opened.path for opened in process.open_files()}:
                yield process
