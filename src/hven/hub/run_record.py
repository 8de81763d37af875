"""What runs: a small record beside a lock, written by the supervisor and read by everybody else."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hven.core.errors import AccessDeniedError, ConflictError
from hven.hub.layout import Layout, write_private
from hven.hub.processes import same_process

Phase = Literal["starting", "ready", "stopping"]
ServiceState = Literal["starting", "running", "restarting", "stopped"]


class ServiceRecord(BaseModel):
    """One supervised process.

    Parameters
    ----------
    version
        Of hven as it was installed when the process was started; empty where that was not recorded.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    state: ServiceState = "stopped"
    pid: int | None = None
    created: float | None = None
    restarts: int = 0
    heartbeat: Path | None = None
    version: str = ""


class RunRecord(BaseModel):
    """A platform that runs, or ran until something ended it."""

    model_config = ConfigDict(extra="forbid")

    mark: str
    pid: int
    created: float
    address: str
    user: str
    phase: Phase = "starting"
    services: list[ServiceRecord] = []

    def write(self, layout: Layout) -> None:
        """Replace the record."""
        write_private(layout.run, self.model_dump_json(indent=1))


def read_run(layout: Layout) -> RunRecord | None:
    """The record of this state folder, or None when there never was a platform or it ended in order.

    Raises
    ------
    AccessDeniedError
        When this user may not look.
    """
    try:
        return RunRecord.model_validate_json(layout.run.read_text())
    except FileNotFoundError:
        return None
    except PermissionError:
        raise AccessDeniedError(f"{layout.run} is closed to you", hint="Whoever runs the platform may ask.") from None


def is_running(layout: Layout) -> bool:
    """Whether the supervisor of this state folder lives."""
    record = read_run(layout)
    return record is not None and same_process(record.pid, record.created)


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the lock of a state folder; the operating system lets it go when the holder dies.

    Raises
    ------
    ConflictError
        When a platform already runs on it.
    """
    layout.lock.touch(mode=0o600)
    with layout.lock.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"a platform already runs on {layout.state}", hint="`hven status` shows it, `hven down` ends it."
            ) from None
        yield
