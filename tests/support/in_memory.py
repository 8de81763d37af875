"""A temporary folder in memory for a whole run: a kill is survived there too, and disks cost processor time."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 10 << 30
"""Of free memory: for what a run leaves until its end and for its processes."""


def begin() -> Path | None:
    """Let everything temporary of this process and of those it starts lie in memory; None where that does not fit."""
    if not _fits():
        return None
    folder = Path(tempfile.mkdtemp(prefix="hven-", dir=_MEMORY))
    folder.chmod(0o1777)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return folder


def _fits() -> bool:
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    free = min(psutil.virtual_memory().available, shutil.disk_usage(_MEMORY).free)
    return free >= _NEEDED_BYTES
