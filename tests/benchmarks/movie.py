"""A run directory with one long image stream, for the benchmarks of reading and taking in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hven.core.clock import NS, parse_utc
from hven.instruments.panoseti.names import RunName
from hven.instruments.panoseti.products import PRODUCTS, QUABOS
from hven.instruments.panoseti.writer import FrameWriter, begin_run, end_run, write_housekeeping

START = parse_utc("2025-10-22T04:00:00Z")
PERIOD_NS = 1_000_000
TAI_MINUS_UTC = 37
AT_ONCE = 16384
CONFIGURATIONS = {
    "obs_config.json": {"name": "bench", "domes": []},
    "data_config.json": {
        "run_type": "bench",
        "image": {"integration_time_usec": 1000, "quabo_sample_size": 16, "pe_threshold": 0.0},
    },
}


def _headers(start: int, first: int, count: int) -> dict[str, np.ndarray]:
    frame = np.arange(first, first + count)
    time = start + frame * PERIOD_NS
    host = time + 150_000
    numbers = {
        "pkt_num": frame % 65536,
        "pkt_tai": (time // NS + TAI_MINUS_UTC) % 1024,
        "pkt_nsec": time % NS,
        "tv_sec": host // NS,
        "tv_usec": host % NS // 1000,
    }
    return {k: np.repeat(v[:, None], QUABOS, axis=1) for k, v in numbers.items()}


def write_movie(folder: Path, megabytes: int, *, module: int = 254, start: int = START) -> Path:
    """Write about so many megabytes of frames at 1 kHz, 16384 Poisson ones again and again; gives the run directory."""
    path = begin_run(folder, RunName("bench", start, "bench"), CONFIGURATIONS)
    writer = FrameWriter(path, PRODUCTS["img16"], module)
    random = np.random.default_rng(1)
    images = random.poisson(random.uniform(20, 60, (32, 32)), (AT_ONCE, 32, 32)).astype("u2")
    frames = megabytes * 1_000_000 // 2540
    for first in range(0, frames, AT_ONCE):
        count = min(AT_ONCE, frames - first)
        writer.append(start, _headers(start, first, count), images[:count])
    write_housekeeping(path, [])
    end_run(path, start + frames * PERIOD_NS, ["bench"])
    return path
