"""How often noise alone makes a pair of pulses, over 1e10 pixel-frames of two telescopes and 160 time shifts.

Each part simulates 2 x 65,536 frames of night sky and joins them as they are and at 160 shifts, which stands for 1.1e10
pixel-frames, of which 1.3e8 are drawn anew; 80 parts make 1.07e10 simulated pixel-frames, 9e11 with the shifts. A part
takes some 5 s, so the campaign takes about 4 minutes on two idle cores. Results of parts are kept in `$HVEN_SOAK_DIR`
(default: the temporary folder), so that an interrupted campaign goes on where it was.
"""

import json
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numba
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hven.model.data_id import DataId
from hven.tasks.pulses.find_pulses import TASK, PulseConfig
from hven.tasks.pulses.match_pulses import MatchConfig, joint_thresholds, match
from hven.testing.tasks import run_task

pytestmark = pytest.mark.soak
PARTS, ROWS, SHIFTS, LEVEL = 80, 65_536, 160, 30
FRAME_NS = 1_000_000
LOWERED = 1.5
"""Thresholds are tried lower too, by as much, to see that noise behaves as the derivation says."""


def alias_table(level):
    """Walker's alias table of the Poisson distribution below 256 counts: what to keep, in parts of 2^56, and what else.

    For 30 counts the distribution ends at 256 but for 1e-130.
    """
    share = stats.poisson.pmf(np.arange(256), level) * 256
    other = np.arange(256)
    small, large = list(np.flatnonzero(share < 1)), list(np.flatnonzero(share >= 1))
    while small and large:
        low, high = small.pop(), large[-1]
        other[low] = high
        share[high] -= 1 - share[low]
        if share[high] < 1:
            small.append(large.pop())
    share[large + small] = 1
    return (share * 2.0**56).astype(np.uint64), other.astype(np.uint16)


@numba.njit(cache=True, nogil=True)
def draw_counts(seed, keep, other, out):
    """Fill with counts, each from one number of the generator splitmix64."""
    state = np.uint64(seed)
    for i in range(out.size):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        place = z & np.uint64(255)
        out[i] = np.uint16(place) if z >> np.uint64(8) < keep[place] else other[place]


def test_drawn_counts_are_poisson():
    counts = np.empty(4_000_000, np.uint16)
    draw_counts(1, *alias_table(LEVEL), counts)
    values, seen = np.unique(counts, return_counts=True)
    expected = counts.size * stats.poisson.pmf(values, LEVEL)
    good = expected > 20
    assert stats.chi2.sf((((seen - expected) ** 2 / expected)[good]).sum(), good.sum() - 1) > 1e-3
    assert counts.max() < 70


def pulses(part, detector):
    images = np.empty((ROWS, 32, 32), np.uint16)
    seed = int(np.random.SeedSequence([part, detector]).generate_state(1, np.uint64)[0] >> 1)
    draw_counts(seed, *alias_table(LEVEL), images.reshape(-1))
    times = (1_700_000_040_000_000_000 + np.arange(ROWS) * FRAME_NS).astype("datetime64[ns]")
    attrs = {"clock_status": "wr-locked", "integration_time_s": FRAME_NS * 1e-9}
    dataset = xr.Dataset({"images": (("time", "y", "x"), images)}, {"time": times}, attrs)
    data_id = DataId(instrument="panoseti", detector=detector)
    return run_task(TASK, {"frames": dataset}, {"frames": data_id}, PulseConfig())["pulses"]


def campaign(folder, part):
    """Pairs at the thresholds and below them, without a shift and with."""
    file = folder / f"pulses-{TASK.version}-{LEVEL}-{ROWS}-{SHIFTS}-{part}.json"
    if not file.exists():
        first, second = pulses(part, 0), pulses(part, 1)
        limits = joint_thresholds(MatchConfig(pixel_deg=0.3125))
        shifts = [s * ROWS // (SHIFTS + 2) * FRAME_NS for s in range(SHIFTS + 1)]
        found = {"pixel_frames": 2 * ROWS * 1024, "true": 0, "shifted": 0, "lowered": 0, "tried": 0.0}
        for shift in shifts:
            alone = match(first, second, (0, 1), limits, shift_ns=shift).sizes["event"]
            found["shifted" if shift else "true"] += alone
            found["lowered"] += match(first, second, (0, 1), limits - LOWERED, shift_ns=shift).sizes["event"]
            found["tried"] += 2 * 1024 * (ROWS - shift // FRAME_NS)
        file.with_suffix(".part").write_text(json.dumps(found))
        file.with_suffix(".part").rename(file)
    return json.loads(file.read_text())


@pytest.mark.timeout(7200)
def test_noise_makes_at_most_one_pair_in_a_night():
    folder = Path(os.environ.get("HVEN_SOAK_DIR", tempfile.gettempdir())) / "hven-soak"
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(campaign, [folder] * PARTS, range(PARTS)))
    total = {name: sum(p[name] for p in parts) for name in parts[0]}
    assert total["pixel_frames"] >= 1e10
    assert total["true"] == 0
    limit_95 = stats.chi2.ppf(0.95, 2 * (total["shifted"] + 1)) / 2
    assert limit_95 * 7e10 / total["tried"] <= 1.0, total
    assert total["lowered"] > 0, total
