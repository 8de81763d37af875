"""Cores of this machine, shared by the Dask clusters of all its users.

Each core is a file in a folder that everybody may read and nobody but root may change. Who uses a core holds a lock on
its file; the operating system lets it go when the process ends, however it ends. So all Dask threads together are never
more than the cores. It is an agreement among the platform's own programs, not a wall: a program that does not ask is
limited by the system only (see docs/operator-guide.md).
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from hven.core.errors import ServiceUnavailableError
from hven.core.logging import get_logger
from hven.core.settings import Profile

_LOOK_S = 1.0
_TELL_S = 30.0
_COMES_UP_S = 30.0

_log = get_logger(__name__)


def make_cores(folder: Path, count: int) -> None:
    """Make the files of all cores, as root; those beyond `count` go."""
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    wanted = {str(number) for number in range(count)}
    for name in wanted:
        (folder / name).touch(mode=0o644)
        (folder / name).chmod(0o644)
    for file in folder.iterdir():
        if file.name not in wanted:
            file.unlink()


class Cores:
    """Cores that a cluster holds until it gives them back.

    Parameters
    ----------
    held
        Open files, each with a lock.
    """

    def __init__(self, held: list[int]) -> None:
        self._held = held

    def __len__(self) -> int:
        return len(self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let others use them."""
        while self._held:
            os.close(self._held.pop())


def take_cores(folder: Path, wanted: int, *, stays: bool, patience_s: float) -> Cores:
    """Take as many free cores as wanted, at least one; wait where none is free.

    Parameters
    ----------
    folder
        As `make_cores` made it.
    wanted
        How many at most.
    stays
        A notebook's cluster stays until its kernel ends, so it leaves one core to work that comes to an end.
    patience_s
        How long to wait.

    Raises
    ------
    ServiceUnavailableError
        When no core gets free in time, or there are none because the platform is not up.
    """
    files = _wait_for_platform(folder, min(patience_s, _COMES_UP_S))
    usable = files[1:] if stays and len(files) > 1 else files[::-1]
    began, told = time.monotonic(), -_TELL_S
    while not (held := _lock(usable, wanted)):
        waited = time.monotonic() - began
        if waited > patience_s:
            raise ServiceUnavailableError(
                f"all {len(usable)} cores were in use by other people's clusters for {waited:.0f} s",
                hint="Try again later, or hand the work to the batch service: `obs.submit`, `hven submit`.",
            )
        if waited - told >= _TELL_S:
            _log.warning("all cores are in use by other clusters, waiting for one to get free", cores=len(usable))
            told = waited
        time.sleep(_LOOK_S)
    if len(held) < wanted:
        _log.warning("fewer cores are free than wanted, the cluster gets fewer workers", free=len(held), wanted=wanted)
    return Cores(held)


def _wait_for_platform(folder: Path, patience_s: float) -> list[Path]:
    """Files of all cores; after a start of the machine a job may come before them."""
    began = time.monotonic()
    while not (files := sorted(folder.glob("[0-9]*"), key=lambda file: int(file.name))):
        if time.monotonic() - began >= patience_s:
            raise ServiceUnavailableError(f"{folder} has no cores", hint="The platform makes them when it comes up.")
        time.sleep(_LOOK_S)
    return files


def _lock(files: list[Path], wanted: int) -> list[int]:
    held: list[int] = []
    for file in files:
        if len(held) == wanted:
            break
        number = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(number)
        except BlockingIOError:
            os.close(number)
    return held


def shrunk(profile: Profile, cores: int) -> Profile:
    """A size with no more threads than there are cores.

    Examples
    --------
    >>> shrunk(Profile(workers=4, threads_per_worker=2), 5).workers
    2
    >>> shrunk(Profile(workers=1, threads_per_worker=4), 3).threads_per_worker
    3
    """
    threads = min(profile.threads_per_worker, cores)
    workers = min(profile.workers, cores // threads)
    return profile.model_copy(update={"workers": workers, "threads_per_worker": threads})
