"""Signals of the machinery: how full disks are, processes, the queue."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from hven.alarms.model import Signal
from hven.batch.alarms.gather import Place
from hven.batch.model import JobState
from hven.batch.tables import JOB
from hven.core.settings import Settings

_GB = 1e9
_OURS = "batch"
"""The service that asks: it does not look after itself."""


def disk(place: Place) -> Iterator[Signal]:
    """How full the disks are, of 1."""
    for name, path in {"data": place.settings.root, "state": place.settings.state}.items():
        usage = shutil.disk_usage(path)
        text = f"{usage.used / usage.total:.1%} used, {usage.free / _GB:.3g} GB free"
        yield Signal("disk", name, usage.used / usage.total, place.now_ns, text=text)


def heartbeat(place: Place) -> Iterator[Signal]:
    """Last signs of life of services that run."""
    for name, file, _ in _beating(place.settings):
        yield Signal("heartbeat", name, 0.0, file.stat().st_mtime_ns)


def process(place: Place) -> Iterator[Signal]:
    """Whether the processes of services that run are gone."""
    for name, _, pid in _beating(place.settings):
        yield Signal("process", name, float(not _lives(pid)), place.now_ns)


def queue(place: Place) -> Iterator[Signal]:
    """When something last moved, while a job waits for a slot that is free."""
    waits = (JOB.c.state == JobState.READY) & (JOB.c.not_before_ns <= place.now_ns)
    active = JOB.c.state.in_([JobState.PENDING, JobState.RUNNING])
    moved = sa.func.max(sa.case((JOB.c.ended_ns > JOB.c.claimed_ns, JOB.c.ended_ns), else_=JOB.c.claimed_ns))
    with place.database.read() as connection:
        waiting, since_ns = connection.execute(
            sa.select(sa.func.count(), sa.func.min(JOB.c.submitted_ns)).where(waits)
        ).one()
        busy = connection.scalar(sa.select(sa.func.count()).where(active)) or 0
        last_ns = connection.scalar(sa.select(moved)) or 0
    slots = place.settings.batch.slots
    if waiting and busy < slots:
        text = f"{waiting} jobs wait, {busy} of {slots} slots are taken"
        yield Signal("queue", "jobs", float(waiting), max(since_ns, last_ns), text=text)


def _beating(settings: Settings) -> Iterator[tuple[str, Path, int]]:
    """Services that have begun and not ended: name, file of the sign of life, process."""
    folder = settings.state / "heartbeats"
    files = [file for file in sorted(folder.glob("[!.]*")) if file.is_file()] if folder.is_dir() else []
    for file in (*files, settings.state / "ingest.json"):
        with suppress(FileNotFoundError, ValueError):  # it has just ended, or is being written
            said = json.loads(file.read_text())
            if file.name != _OURS and said.get("running", True) is not False:
                yield file.stem, file, int(said["pid"])


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
