"""Bring the platform up and keep it up until asked to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from hven.core.errors import CancelledError, ServiceUnavailableError
from hven.core.settings import Settings
from hven.hub.layout import Layout
from hven.hub.mode import Mode, mode_of
from hven.hub.ports import Ports
from hven.hub.processes import MARK, end, marked
from hven.hub.run_record import RunRecord, only_one, read_run
from hven.hub.supervised import Supervised, platform_processes
from hven.hub.supervisor import Supervisor

_START_S = 180.0
_LOOK_S = 0.5
_GRACE_S = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    settings: Settings,
    *,
    progress: Callable[[str], None],
    ready: Callable[[RunRecord], None],
    raw: Path | None = None,
    data: bool = True,
    processes: Callable[[Settings, Ports], Sequence[Supervised]] = platform_processes,
) -> None:
    """Run the platform in this process until SIGINT, SIGTERM or SIGHUP.

    Parameters
    ----------
    progress
        Called with a few words at each step.
    ready
        Called once everything answers.
    raw
        Folder of raw runs to take in first.
    data
        False leaves a new observatory empty, and what an interrupted start has begun as it is.
    processes
        What to keep alive.

    Raises
    ------
    ConflictError
        When a platform already runs on this state or the port is taken.
    ConfigurationError
        When a part of the platform is not installed, or nothing of a known instrument is in the folder that is given.
    ServiceUnavailableError
        When a service does not come up.
    """
    layout = Layout.of(settings)
    mode = mode_of(settings)
    mode.begin()
    with only_one(layout), _asked_to_stop() as stop:
        end_remains(layout)
        night = mode.first_night(raw) if data else None
        ports = mode.claim_ports()
        supervisor = Supervisor(layout, _begin(mode, layout, ports))
        try:
            if night is not None:
                night.bring_in(progress, stop)
            progress("Starting the hub and its services")
            supervisor.start(processes(settings, ports))
            _wait_until_ready(supervisor, stop)
            ready(supervisor.enter("ready"))
            while not stop.wait(_LOOK_S):
                supervisor.watch()
        except CancelledError:
            progress("Asked to stop before everything was up")
        finally:
            progress("Stopping")
            supervisor.enter("stopping")
            supervisor.stop()
            layout.run.unlink()


def end_remains(layout: Layout) -> None:
    """End what a supervisor that was killed left behind."""
    record = read_run(layout)
    if record is not None:
        end(marked(record.mark), _GRACE_S)
        (layout.hub / "proxy.pid").unlink(missing_ok=True)  # the hub would end whatever has this pid now
        layout.run.unlink(missing_ok=True)


def _begin(mode: Mode, layout: Layout, ports: Ports) -> RunRecord:
    """What the processes to be started inherit, and the record of this platform."""
    os.environ[MARK] = uuid.uuid4().hex
    os.environ["HVEN_SITE"] = str(mode.site)
    record = RunRecord(
        mark=os.environ[MARK],
        pid=os.getpid(),
        created=psutil.Process().create_time(),
        address=ports.address,
        user=mode.user,
    )
    record.write(layout)
    return record


def _wait_until_ready(supervisor: Supervisor, stop: threading.Event) -> None:
    until = time.monotonic() + _START_S
    while not supervisor.ready():
        if stop.wait(_LOOK_S):
            raise CancelledError("stopped on request")
        supervisor.watch()
        if failing := supervisor.failing():
            raise ServiceUnavailableError(f"{failing} keeps ending: {supervisor.last_words(failing)}")
        if time.monotonic() > until:
            raise ServiceUnavailableError(
                f"the platform does not answer after {_START_S:.0f} s", hint="See `hven doctor`."
            )


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that the signals to stop set; the former handlers are put back."""
    event = threading.Event()
    before = {number: signal.signal(number, lambda *_: event.set()) for number in _SIGNALS}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
