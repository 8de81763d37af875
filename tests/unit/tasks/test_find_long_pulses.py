"""Pulses of thousands of frames, searched in sums of frames."""

import numpy as np
import pytest
import xarray as xr

from hven.model.content_digest import digest_dataset
from hven.model.data_id import DataId
from hven.tasks.frames.quadrants import quadrant_map
from hven.tasks.pulses import find_long_pulses, find_pulses, match_pulses
from hven.testing.tasks import run_task

STEP_NS, START = 1_000_000, 1_700_000_040_000_000_000
ID = DataId(instrument="panoseti", detector=254)


def summed(rows, *, level=60, seed=1, side=4, pulses=(), lost=0.0):
    """Sums of the counts of Poisson frames, drawn as sums; of each quadrant's packets some are lost.

    Pulses are (y, x, begin, frames, light).
    """
    draw = np.random.default_rng(seed)
    expected = np.full((rows, side, side), level * 1024.0)
    sums = np.arange(rows) * 1024
    for y, x, begin, frames, light in pulses:
        inside = np.clip(np.minimum(sums + 1024, begin + frames) - np.maximum(sums, begin), 0, 1024)
        expected[:, y, x] += light * inside / frames
    live = 1024 - draw.binomial(1024, lost, (rows, 4))
    part = live[:, quadrant_map(side)] / 1024
    images = np.rint(draw.poisson(expected * part) / part).astype("uint32")
    times = (START + sums * STEP_NS).astype("datetime64[ns]")
    attrs = {"frames_of_sum": 1024, "integration_time_s": STEP_NS * 1e-9, "clock_status": "wr-locked"}
    variables = {"sums": (("cell", "y", "x"), images), "live": (("cell", "quabo"), live.astype("uint16"))}
    return xr.Dataset(variables, {"begin": ("cell", times)}, attrs)


def search(sums, length=None, detector=254, **config):
    given = {"sums": sums}, {"sums": DataId(instrument="panoseti", detector=detector)}
    return run_task(find_long_pulses.TASK, *given, find_long_pulses.LongPulseConfig(**config), length=length)["pulses"]


@pytest.mark.parametrize("frames", [2048, 4096, 8192, 16_384, 32_768])
def test_a_pulse_is_found_at_its_place_time_and_level(frames):
    begin = 40 * 32_768
    light = 15 * (60 * frames) ** 0.5
    found = search(summed(1500, pulses=[(1, 2, begin, frames, light)]), threshold=8.0)
    best = found.isel(event=int(np.argmax(found["nsigma"].values)))
    assert (int(best["y"]), int(best["x"]), int(best["detector"])) == (1, 2, 254)
    assert abs(int(best["frame"]) - begin) <= frames // 4
    assert int(best["level"]) == np.log2(frames)
    assert float(best["duration"]) == pytest.approx(frames * 1e-3)
    assert float(best["amplitude"]) == pytest.approx(light, rel=0.25)
    assert int(best["time"]) == START + int(best["frame"]) * STEP_NS
    assert found.attrs["integration_time_s"] == pytest.approx(1e-3)


@pytest.mark.parametrize("lost", [0.0, 0.01, 0.3])
def test_noise_alone_gives_what_its_significance_predicts(lost):
    found = search(summed(3000, side=16, lost=lost), threshold=4.0)
    tried = 256 * sum(3000 / max(1, 2**level // 4) for level in range(1, 6))
    assert found.sizes["event"] < 3 * 3.2e-5 * tried


def injected(count, rows):
    """Pulses of 8 deviations, of all lengths, apart in time, each with a background before it."""
    draw = np.random.default_rng(4)
    frames = 2 ** draw.integers(11, 16, count)
    begin = np.sort(draw.integers(34 * 32_768, rows * 1024 - 32_768, count))
    pixel = draw.permutation(16 * 16)[:count]
    return [(p // 16, p % 16, b, f, 8 * (60 * f) ** 0.5) for p, b, f in zip(pixel, begin, frames, strict=True)]


def test_of_a_hundred_packets_one_may_be_lost():
    rows = 6000
    pulses = injected(200, rows)
    tables = [search(summed(rows, side=16, seed=seed, pulses=pulses, lost=0.01), detector=seed) for seed in (5, 6)]
    ids = tuple(DataId(instrument="panoseti", detector=seed) for seed in (5, 6))
    config = match_pulses.MatchConfig(pixel_deg=0.3125)
    pairs = run_task(match_pulses.TASK, {"pulses": tuple(tables)}, {"pulses": ids}, config)["coincidences"]
    frame = (pairs["time"].values.astype("int64") - START) // STEP_NS
    place = pairs["y"].values, pairs["x"].values
    seen = np.zeros(len(frame), bool)
    recovered = 0
    for y, x, begin, frames, _ in pulses:
        near = (abs(place[0] - y) <= 1) & (abs(place[1] - x) <= 1)
        near &= (frame < begin + frames) & (frame + 2.0 ** pairs["level"].values > begin)
        seen |= near
        recovered += near.any()
    assert recovered >= 0.98 * len(pulses)
    assert seen.all()


def test_a_sum_of_which_most_frames_are_lost_is_left_out():
    sums = summed(2000)
    sums["live"][1500:1510] = 500
    sums["sums"][1500:1510] *= 2
    assert search(sums, threshold=8.0).sizes["event"] == 0
    sums["live"][1500:1510] = 1000
    assert search(sums, threshold=8.0).sizes["event"] > 0


@pytest.mark.parametrize("level", [60, 1300])
def test_any_block_length_gives_equal_pulses(level):
    pulse = (1, 2, 4500 * 1024, 8192, 30 * (level * 8192) ** 0.5)
    sums = summed(9000, level=level, side=4, pulses=[pulse], lost=0.01)
    sums["live"][4000, 1] = 300
    whole = search(sums, threshold=3.5)
    assert whole.sizes["event"] > 5
    for length in (700, 2113, 5000):
        assert digest_dataset(search(sums, length=length, threshold=3.5)) == digest_dataset(whole)


def test_sums_are_scaled_to_full_live_time_in_the_quadrant_that_misses_frames(raw_frames):
    images = np.random.default_rng(2).poisson(20, (5000, 8, 8)).astype("uint16")
    valid = np.ones((5000, 4), bool)
    valid[2500:2520, 3] = False
    images[2500:2520, 4:, :4] = 7  # what stands there without a packet does not count
    valid[3072:3700, 0] = False
    dataset = raw_frames(images, valid=valid)
    made = {}
    for length in (None, 700, 1024, 3333):
        given = {"frames": dataset}, {"frames": ID}
        made[length] = run_task(find_pulses.TASK, *given, find_pulses.PulseConfig(levels=1), length=length)["sums"]
    sums = made[None]
    assert sums["live"].values.tolist() == [[1024] * 4, [1024] * 4, [1024] * 3 + [1004], [396] + [1024] * 3]
    assert sums["summed"].values.tolist() == [*[[True] * 4] * 3, [False, True, True, True]]
    there = valid[:4096, quadrant_map(8)]
    live = there.reshape(4, 1024, 8, 8).sum(axis=1)
    expected = (images[:4096] * there).reshape(4, 1024, 8, 8).sum(axis=1) * 1024 / live
    np.testing.assert_allclose(sums["sums"].values, expected, atol=0.5)
    assert (sums["begin"].values == dataset["time"].values[:4096:1024]).all()
    assert all(digest_dataset(found) == digest_dataset(sums) for found in made.values())


def test_an_observation_shorter_than_a_sum_has_none(raw_frames):
    dataset = raw_frames(np.ones((500, 8, 8), "uint16"))
    made = run_task(find_pulses.TASK, {"frames": dataset}, {"frames": ID}, find_pulses.PulseConfig())
    assert made["sums"].sizes["cell"] == 0
    assert search(made["sums"]).sizes["event"] == 0
