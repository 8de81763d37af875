"""A simulated night, taken in and processed by the platform's own commands; and the same for files that are there.

``python simulated_night.py ROOT`` makes it for a run that will need it, in a process that inherits its lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from commands import run

SCALE = "0.2"
NAME = "simulated-night"


def build(root: Path, raw: Path) -> None:
    """Take files in and process them."""
    (root / "data").mkdir(parents=True)
    run("ingest", raw, root=root)
    run("process", "panoseti/nightly", "--shared", root=root)


def simulate(root: Path) -> None:
    """Make a night and build from it."""
    root.mkdir()
    run("simulate", root / "raw", "--scale", SCALE, root=root)
    build(root, root / "raw")


def once(root: Path, make: Callable[[Path], None]) -> Path:
    """Build something once for all test processes of a run."""
    with _lock(root).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "ready").exists():
            shutil.rmtree(root, ignore_errors=True)  # of one that was ended
            make(root)
            (root / "ready").touch()
    return root


def begin(root: Path) -> subprocess.Popen[bytes]:
    """Let a process simulate the night; `once` waits for it, however it ends: its lock goes with it."""
    with _lock(root).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, __file__, str(root)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, pass_fds=[lock.fileno()], start_new_session=True, **quiet)


def end(process: subprocess.Popen[bytes]) -> None:
    """End what `begin` began, where the run has not waited for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for_one_that_began(root: Path) -> None:
    """Return when nobody makes it any more."""
    if _lock(root).exists():
        with _lock(root).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)


def _lock(root: Path) -> Path:
    return root.with_name(f"{root.name}.lock")


if __name__ == "__main__":
    os.environ["HVEN_PROFILE"] = "small"  # of several workers each would compile what all of them need
    simulate(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "ready").touch()
