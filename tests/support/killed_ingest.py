"""Ingest in forked children that kill themselves at their n-th change of the filesystem.

Usage: killed_ingest.py RUN FOLDER STEP; n grows by STEP; prints one JSON line for each until a child reaches the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import tiny_instrument

from hven.archive.ingest import Archive
from hven.core.logging import configure
from hven.core.settings import Settings
from hven.registry.direct import DirectRegistry

CHANGES = {"os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir", "os.link"}


def ingest(root: Path, run: Path) -> None:
    """Do what `hven ingest` does, in this process."""
    settings = Settings(root=root / "data", state=root / "state")
    settings.state.mkdir(parents=True, exist_ok=True)
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [tiny_instrument.INSTRUMENT])
        archive.ingest([run])
        archive.close()


def die_at(count: int, below: Path) -> None:
    """Kill this process with signal 9 at its count-th change below a folder; opening for writing is one too."""
    left = count

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in CHANGES or writing) and _named(arguments[0]).startswith(str(below)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _named(what: object) -> str:
    """Path of what is changed, which may be open and named by its file descriptor."""
    return str(Path(f"/proc/self/fd/{what}").readlink()) if isinstance(what, int) else str(what)


def main(run: Path, folder: Path, step: int) -> None:
    """Kill later and later."""
    configure(json=True, level="ERROR")
    count = 1
    while True:
        root = folder / str(count)
        child = os.fork()
        if child == 0:
            die_at(count, root / "data")
            ingest(root, run)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write(json.dumps({"root": str(root), "killed": killed, "status": status}) + "\n")
        sys.stdout.flush()
        if not killed:
            return
        count += step


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
