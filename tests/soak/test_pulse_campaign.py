"""How often noise alone makes a pair of pulses, over 1e10 pixel-frames of two telescopes and 40 time shifts.

Each part simulates 2 x 65,536 frames of night sky and joins them as they are and at 40 shifts, which stands for 2.7e9
pixel-frames, of which 1.3e8 are drawn anew; 80 parts make 1.07e10 simulated pixel-frames, 2.2e11 with the shifts. A
part takes some 10 s, so the campaign takes about 8 minutes on two cores. Results of parts are kept in `$HVEN_SOAK_DIR`
(default: the temporary folder), so that an interrupted campaign goes on where it was.
"""

import json
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hven.model.data_id import DataId
from hven.tasks.pulses.find_pulses import TASK, PulseConfig
from hven.tasks.pulses.match_pulses import MatchConfig, joint_threshold, match
from hven.testing.tasks import run_task

PARTS, ROWS, SHIFTS, LEVEL = 80, 65_536, 40, 30
FRAME_NS = 1_000_000
LOWERED = 1.5
"""Thresholds are tried lower too, by as much, to see that noise behaves as the derivation says."""


def pulses(part, detector):
    draw = np.random.default_rng([part, detector])
    images = draw.poisson(LEVEL, (ROWS, 32, 32)).astype("uint16")
    times = (1_700_000_040_000_000_000 + np.arange(ROWS) * FRAME_NS).astype("datetime64[ns]")
    attrs = {"clock_status": "wr-locked", "integration_time_s": FRAME_NS * 1e-9}
    dataset = xr.Dataset({"images": (("time", "y", "x"), images)}, {"time": times}, attrs)
    data_id = DataId(instrument="panoseti", detector=detector)
    return run_task(TASK, {"frames": dataset}, {"frames": data_id}, PulseConfig())["pulses"]


def campaign(folder, part):
    """Pairs at the thresholds and below them, without a shift and with."""
    file = folder / f"pulses-{LEVEL}-{ROWS}-{part}.json"
    if not file.exists():
        first, second = pulses(part, 0), pulses(part, 1)
        limits = [joint_threshold(MatchConfig(), d) for d in (0, 1)]
        shifts = [s * ROWS // (SHIFTS + 2) * FRAME_NS for s in range(SHIFTS + 1)]
        found = {"pixel_frames": 2 * ROWS * 1024, "true": 0, "shifted": 0, "lowered": 0, "tried": 0.0}
        for shift in shifts:
            alone = match(first, second, (0, 1), limits, shift_ns=shift).sizes["event"]
            found["shifted" if shift else "true"] += alone
            found["lowered"] += match(first, second, (0, 1), [x - LOWERED for x in limits], shift_ns=shift).sizes[
                "event"
            ]
            found["tried"] += 2 * 1024 * (ROWS - shift // FRAME_NS)
        file.with_suffix(".part").write_text(json.dumps(found))
        file.with_suffix(".part").rename(file)
    return json.loads(file.read_text())


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_noise_makes_at_most_one_pair_in_a_night():
    folder = Path(os.environ.get("HVEN_SOAK_DIR", tempfile.gettempdir())) / "hven-soak"
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(campaign, [folder] * PARTS, range(PARTS)))
    total = {name: sum(p[name] for p in parts) for name in parts[0]}
    assert total["pixel_frames"] >= 1e10
    assert total["true"] == 0
    limit_95 = 3.0 if total["shifted"] == 0 else total["shifted"] + 2 * total["shifted"] ** 0.5 + 2
    assert limit_95 * 7e10 / total["tried"] <= 1.0, total
    assert total["lowered"] > 0, total
