"""Which process runs a quantum, and whether it still lives: what a killed run left behind must not look alive."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """Mark of this process."""
    return mark(os.getpid())


def mark(pid: int) -> str:
    """Mark of a process of this machine, ``host:pid:start``; no other process ever has it."""
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def lives(runner: str) -> bool | None:
    """Whether the process of a mark is still there; None on another host, from where it cannot be seen.

    Examples
    --------
    >>> lives(this_process()), lives("elsewhere:1:2"), lives("")
    (True, None, None)
    """
    host, _, rest = runner.partition(":")
    pid, _, started = rest.partition(":")
    if not started or host != socket.gethostname():
        return None
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """When a process was started, in ticks since boot; empty where it is gone."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in "ZX" else fields[18]
