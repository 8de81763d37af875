"""Ingest and calibrate over three sizes: growth, memory, and what 24 hours of two telescopes would take."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from harness import Figure
from movie import write_movie
from night import calibrate, ingest, observatory

from hven.cluster.local import LocalEngine
from hven.core.settings import Profile
from hven.observatory import Observatory
from hven.store.staging import unlock

MEGABYTES = (1000, 2000, 4000)
ROUNDS = 3
DAY_GB = 440
"""Two telescopes at 1 kHz for 24 hours."""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = [write_movie(folder / str(size), size) for size in MEGABYTES]
        yield from _report("ingest", *_ingests(folder / "ingest", runs))
        yield from _report("calibrate", *_calibrations(folder / "calibrate", runs))


def _report(what: str, seconds: list[float], peak_bytes: int) -> Iterator[Figure]:
    gigabytes = np.array(MEGABYTES) / 1000
    slope = np.polyfit(np.log(gigabytes), np.log(seconds), 1)[0]
    hours = DAY_GB * seconds[-1] / gigabytes[-1] / 3600
    each = ", ".join(f"{s:.1f} s" for s in seconds)
    note = f"{each} for {MEGABYTES} MB; {DAY_GB} GB of a day: {hours:.1f} h on this machine"
    yield Figure(f"growth of {what} with size, exponent", float(slope), "", "<=", 1.1, note)
    yield Figure(f"memory of a process that works on {what}", peak_bytes / 1e9, "GB", "<=", 2.0)


def _ingests(folder: Path, runs: list[Path]) -> tuple[list[float], int]:
    """Median seconds of each size, each time in a new process; and the largest memory."""
    seconds, peaks = [], []
    for number in range(ROUNDS):
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            found = [pool.submit(_ingest, folder / f"{number}-{run.parent.name}", run).result() for run in runs]
        seconds.append([s for s, _ in found])
        peaks += [b for _, b in found]
    return [statistics.median(each) for each in zip(*seconds, strict=True)], max(peaks)


def _ingest(folder: Path, run: Path) -> tuple[float, int]:
    """Seconds of one ingest in a warm process, and the most memory that the process took."""
    with observatory(folder / "warm") as warm:
        ingest(warm, write_movie(folder, 5))
    with observatory(folder / "large") as obs, _watched() as memory:
        begin = time.perf_counter()
        ingest(obs, run)
        seconds = time.perf_counter() - begin
    _remove(folder)
    return seconds, max(memory)


@contextmanager
def _watched() -> Iterator[list[int]]:
    """Bytes that this process holds, every 50 ms; pages of mapped files are the page cache's and do not count."""
    seen, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            seen.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _calibrations(folder: Path, runs: list[Path]) -> tuple[list[float], int]:
    """Median seconds of each size on two workers, and the most memory that a worker took."""
    nights = [observatory(folder / run.parent.name) for run in runs]
    for obs, run in zip(nights, runs, strict=True):
        ingest(obs, run)
    engine = LocalEngine(Profile(workers=2))
    _calibrate(nights[-1], engine)
    seconds, peaks = [], []
    for _ in range(ROUNDS):
        found = [_calibrate(obs, engine) for obs in nights]
        seconds.append([s for s, _ in found])
        peaks += [b for _, b in found]
    engine.close()
    for obs in nights:
        obs.close()
    return [statistics.median(each) for each in zip(*seconds, strict=True)], max(peaks)


def _calibrate(obs: Observatory, engine: LocalEngine) -> tuple[float, int]:
    begin = time.perf_counter()
    report = calibrate(obs, engine)
    seconds = time.perf_counter() - begin
    for product in report.products:
        _remove(obs.root / product.path)
    return seconds, max(record.peak_bytes for record in report.records)


def _remove(folder: Path) -> None:
    unlock(folder)
    shutil.rmtree(folder)
