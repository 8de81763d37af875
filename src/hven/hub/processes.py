"""Processes of one platform, found by a mark that they inherit in their environment.

A pid may be used again and a parent may die before its child, but a mark stays with every descendant: so what a
platform started can be ended completely, and nothing else is ever touched.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

MARK = "HVEN_PLATFORM"
_FORCED_S = 5.0


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that carry the mark of a platform, without this one."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _carries(p, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return is_alive(process) and process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False


def family(mark: str, started: Iterable[int]) -> list[psutil.Process]:
    """Marked processes, and the descendants of some that were started, which may have emptied their environment."""
    born = (p for pid in started for p in descendants(pid))
    return list({p.pid: p for p in (*born, *marked(mark))}.values())


def descendants(pid: int) -> list[psutil.Process]:
    """Children of a process, their children and so on; none of a process that is gone."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def parent_of(process: psutil.Process) -> int:
    """Pid of the parent, 0 when the process is gone."""
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return 0


def end(processes: Iterable[psutil.Process], grace_s: float) -> list[psutil.Process]:
    """Ask processes to end, wait, then force those that did not; return what is left (nothing, usually)."""
    asked = list(processes)
    for process in asked:
        _signal(process, force=False)
    alive = _wait(asked, grace_s)
    for process in alive:
        _signal(process, force=True)
    return _wait(alive, _FORCED_S)


def _wait(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those still alive after a while; a zombie counts as dead, whoever fails to collect it."""
    until = time.monotonic() + timeout_s
    while (processes := [p for p in processes if is_alive(p)]) and time.monotonic() < until:
        time.sleep(0.05)
    return processes


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs and is no zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, *, force: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill() if force else process.terminate()


def same_process(pid: int, created: float) -> bool:
    """Whether a recorded process still lives: the pid alone could belong to another one by now.

    Examples
    --------
    >>> me = psutil.Process()
    >>> same_process(me.pid, me.create_time()), same_process(me.pid, me.create_time() - 60)
    (True, False)
    """
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and is_alive(process)
    except psutil.NoSuchProcess:
        return False
