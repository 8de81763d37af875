"""Pulses of thousands of frames, searched in sums of frames."""

import numpy as np
import pytest
import xarray as xr

from hven.model.data_id import DataId
from hven.model.digest import digest_dataset
from hven.tasks.pulses import find_long_pulses, find_pulses
from hven.testing.tasks import run_task

STEP_NS, START = 1_000_000, 1_700_000_040_000_000_000
ID = DataId(instrument="panoseti", detector=254)


def summed(rows, *, level=60, seed=1, side=4, pulse=None):
    """Sums of the counts of Poisson frames, drawn as sums."""
    draw = np.random.default_rng(seed)
    images = draw.poisson(level * 1024, (rows, side, side)).astype("uint32")
    if pulse:
        begin, frames, light = pulse
        sums = np.arange(rows) * 1024
        inside = np.clip(np.minimum(sums + 1024, begin + frames) - np.maximum(sums, begin), 0, 1024)
        images[:, 1, 2] += draw.poisson(light * inside / frames).astype("uint32")
    times = (START + np.arange(rows) * 1024 * STEP_NS).astype("datetime64[ns]")
    attrs = {"frames_of_sum": 1024, "integration_time_s": STEP_NS * 1e-9, "clock_status": "wr-locked"}
    variables = {"sums": (("cell", "y", "x"), images), "summed": (("cell", "quabo"), np.ones((rows, 4), bool))}
    return xr.Dataset(variables, {"begin": ("cell", times)}, attrs)


def search(sums, length=None, **config):
    given = {"sums": sums}, {"sums": ID}
    return run_task(find_long_pulses.TASK, *given, find_long_pulses.LongPulseConfig(**config), length=length)["pulses"]


@pytest.mark.parametrize("frames", [2048, 4096, 8192, 16_384, 32_768])
def test_a_pulse_is_found_at_its_place_time_and_level(frames):
    begin = 40 * 32_768
    light = 15 * (60 * frames) ** 0.5
    found = search(summed(1500, pulse=(begin, frames, light)), threshold=8.0)
    best = found.isel(event=int(np.argmax(found["nsigma"].values)))
    assert (int(best["y"]), int(best["x"]), int(best["detector"])) == (1, 2, 254)
    assert abs(int(best["frame"]) - begin) <= frames // 4
    assert int(best["level"]) == np.log2(frames)
    assert float(best["duration"]) == pytest.approx(frames * 1e-3)
    assert float(best["amplitude"]) == pytest.approx(light, rel=0.25)
    assert int(best["time"]) == START + int(best["frame"]) * STEP_NS
    assert found.attrs["integration_time_s"] == pytest.approx(1e-3)


def test_noise_alone_gives_what_its_significance_predicts():
    found = search(summed(3000, side=16), threshold=4.0)
    tried = 256 * sum(3000 / max(1, 2**level // 4) for level in range(1, 6))
    assert found.sizes["event"] < 3 * 3.2e-5 * tried


@pytest.mark.parametrize("level", [60, 1300])
def test_any_block_length_gives_equal_pulses(level):
    sums = summed(9000, level=level, side=4, pulse=(4500 * 1024, 8192, 30 * (level * 8192) ** 0.5))
    sums["summed"][4000, 1] = False
    whole = search(sums, threshold=3.5)
    assert whole.sizes["event"] > 5
    for length in (700, 2113, 5000):
        assert digest_dataset(search(sums, length=length, threshold=3.5)) == digest_dataset(whole)


def test_a_frame_without_a_quabo_spoils_its_sum_in_that_quadrant_only(raw_frames):
    images = np.random.default_rng(2).poisson(20, (5000, 8, 8)).astype("uint16")
    valid = np.ones((5000, 4), bool)
    valid[2500, 3] = False
    images[2500, 4:, :4] = 0
    dataset = raw_frames(images, valid=valid)
    made = {}
    for length in (None, 700, 1024, 3333):
        given = {"frames": dataset}, {"frames": ID}
        made[length] = run_task(find_pulses.TASK, *given, find_pulses.PulseConfig(levels=1), length=length)["sums"]
    sums = made[None]
    assert sums["summed"].values.tolist() == [[True] * 4, [True] * 4, [True, True, True, False], [True] * 4]
    expected = images[:4096].astype("uint32").reshape(4, 1024, 8, 8).sum(axis=1)
    there = np.ones((4, 8, 8), bool)
    there[2, 4:, :4] = False
    assert (sums["sums"].values[there] == expected[there]).all()
    assert (sums["begin"].values == dataset["time"].values[:4096:1024]).all()
    assert all(digest_dataset(found) == digest_dataset(sums) for found in made.values())


def test_an_observation_shorter_than_a_sum_has_none(raw_frames):
    dataset = raw_frames(np.ones((500, 8, 8), "uint16"))
    made = run_task(find_pulses.TASK, {"frames": dataset}, {"frames": ID}, find_pulses.PulseConfig())
    assert made["sums"].sizes["cell"] == 0
    assert search(made["sums"]).sizes["event"] == 0
