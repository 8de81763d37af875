"""Start processes, start them again when they end, and end them all."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

import hven
from hven.core.errors import ServiceUnavailableError
from hven.core.logging import get_logger
from hven.hub.layout import Layout, last_lines
from hven.hub.processes import MARK, descendants, end, family, marked, parent_of
from hven.hub.run_record import Phase, RunRecord, ServiceRecord
from hven.hub.supervised import Supervised, age_s

_LOG = get_logger(__name__)
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_STEADY_S = 60.0
_GRACE_S = 25.0


@dataclass
class _Life:
    service: Supervised
    record: ServiceRecord
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    start_at: float = 0.0


class Supervisor:
    """Keeps services alive and says in the run record how they are.

    Parameters
    ----------
    layout
        Where logs and the record are written.
    record
        The platform's record; its mark is given to every process.
    """

    def __init__(self, layout: Layout, record: RunRecord) -> None:
        self._layout = layout
        self._record = record
        self._lives: list[_Life] = []

    def start(self, services: Sequence[Supervised]) -> None:
        """Start services, each in a session of its own so that Ctrl-C reaches only the supervisor."""
        for service in services:
            life = _Life(service, ServiceRecord(name=service.name, heartbeat=service.heartbeat))
            self._lives.append(life)
            self._record.services.append(life.record)
            self._launch(life)
        self._record.write(self._layout)

    def watch(self) -> None:
        """Look once at every service; start again what has ended or fallen silent."""
        before = self._record.model_dump()
        for life in self._lives:
            self._look(life)
        if self._record.model_dump() != before:
            self._record.write(self._layout)

    def ready(self) -> bool:
        """Whether every service runs and answers."""
        return all(life.process is not None and life.service.ready() for life in self._lives)

    def failing(self) -> str:
        """Name of a service that has ended more than twice, or nothing."""
        return next((life.record.name for life in self._lives if life.record.restarts > 2), "")  # noqa: PLR2004

    def last_words(self, name: str) -> str:
        """The end of a service's log."""
        return last_lines(self._layout.logs / f"{name}.log")

    def enter(self, phase: Phase) -> RunRecord:
        """Record what the platform does now."""
        self._record.phase = phase
        self._record.write(self._layout)
        return self._record

    def stop(self) -> None:
        """End everything the platform started, whoever its parent is now.

        Leaders are asked first, so that a job can go back into the queue before its workers are gone. The hub's whole
        family is asked with them: alone, JupyterHub ends its services one after the other and takes a minute.

        Raises
        ------
        ServiceUnavailableError
            When a process could not be ended.
        """
        for life in self._lives:
            life.record.state = "stopped"
        end(self._first_asked(), _GRACE_S)
        left = end(self._family(), _GRACE_S)
        for life in self._lives:
            if life.process is not None:
                life.process.poll()
        if left:
            raise ServiceUnavailableError(f"processes {[p.pid for p in left]} did not end")

    def _family(self) -> list[psutil.Process]:
        return family(self._record.mark, [life.process.pid for life in self._lives if life.process])

    def _first_asked(self) -> list[psutil.Process]:
        everyone = self._family()
        at_once = [life.process.pid for life in self._lives if life.process and life.service.end_at_once]
        hasty = {p.pid for pid in at_once for p in descendants(pid)} | set(at_once)
        known = {p.pid for p in everyone}
        return [p for p in everyone if p.pid in hasty or parent_of(p) not in known]

    def _look(self, life: _Life) -> None:
        if life.process is None:
            if time.monotonic() >= life.start_at:
                end([p for p in marked(self._record.mark) if life.service.is_leftover(p)], _GRACE_S)
                self._launch(life)
            return
        running_s = time.monotonic() - life.started
        code = life.process.poll()
        if code is None and life.service.is_silent(running_s):
            _LOG.error("service is silent", service=life.record.name, heartbeat_age_s=age_s(life.service.heartbeat))
            end([psutil.Process(life.process.pid)], _GRACE_S)
            code = life.process.poll()
        if code is None:
            life.record.state = "running"
            return
        self._schedule(life, code, running_s)

    def _schedule(self, life: _Life, code: int, running_s: float) -> None:
        life.pause_s = _FIRST_PAUSE_S if running_s > _STEADY_S else min(2 * life.pause_s, _LONGEST_PAUSE_S)
        life.start_at = time.monotonic() + life.pause_s
        life.process = None
        life.record.restarts += 1
        life.record.state, life.record.pid, life.record.created = "restarting", None, None
        _LOG.error("service ended", service=life.record.name, code=code, again_in_s=life.pause_s)

    def _launch(self, life: _Life) -> None:
        environment = {**os.environ, **life.service.environment, MARK: self._record.mark}
        with (self._layout.logs / f"{life.service.name}.log").open("ab") as log:
            life.process = subprocess.Popen(  # noqa: S603 - declared in hven.hub.supervised
                life.service.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        life.started = time.monotonic()
        life.record.state, life.record.version = "starting", hven.__version__
        life.record.pid = life.process.pid
        life.record.created = psutil.Process(life.process.pid).create_time()
