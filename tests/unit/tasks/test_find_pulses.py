"""The boxcar search in one telescope."""

import numpy as np
import pytest

from hven.tasks.frames.quadrants import quadrant_map
from hven.tasks.pulses.boxcar import BACKGROUND_FRAMES, HALO, significance
from hven.tasks.pulses.find_pulses import TASK, PulseConfig
from hven.testing.tasks import run_task


@pytest.fixture
def search(raw_frames, data_id):
    def find(images, *, valid=None, length=None, **config):
        dataset = raw_frames(images, valid=valid)
        return run_task(TASK, {"frames": dataset}, {"frames": data_id}, PulseConfig(**config), length=length)["pulses"]

    return find


def sky(rows, level=60, seed=1, side=32):
    return np.random.default_rng(seed).poisson(level, (rows, side, side)).astype("uint16")


@pytest.mark.parametrize("frames", [1, 2, 4, 8, 16, 32])
def test_a_pulse_is_found_at_its_place_time_and_level(search, frames):
    images = sky(4000, side=8)
    begin = 64 * 32 + 200
    images[begin : begin + frames, 3, 5] += np.uint16(round(15 * (60 / frames) ** 0.5))
    found = search(images, threshold=8.0)
    best = found.isel(event=int(np.argmax(found["nsigma"].values)))
    assert (int(best["y"]), int(best["x"])) == (3, 5)
    assert abs(int(best["frame"]) - begin) <= max(1, frames // 4)
    assert abs(int(best["level"]) - np.log2(frames)) <= 1
    assert set(found["y"].values) == {3}
    assert int(best["detector"]) == 254
    assert float(best["duration"]) == pytest.approx(2 ** int(best["level"]) * 1e-3)
    if 2 ** int(best["level"]) == frames:
        assert float(best["amplitude"]) == pytest.approx(15 * (60 * frames) ** 0.5, rel=0.25)


@pytest.mark.parametrize("frames", [64, 128, 256, 512, 1024])
def test_a_long_pulse_is_found_in_sums_of_frames(search, frames):
    images = sky(40_000, side=4)
    begin = 36_000
    images[begin : begin + frames, 1, 2] += np.uint16(round(15 * (60 / frames) ** 0.5))
    found = search(images, threshold=8.0)
    best = found.isel(event=int(np.argmax(found["nsigma"].values)))
    assert (int(best["y"]), int(best["x"])) == (1, 2)
    assert abs(int(best["frame"]) - begin) <= frames // 4
    assert int(best["level"]) == np.log2(frames)
    assert float(best["duration"]) == pytest.approx(frames * 1e-3)
    assert float(best["amplitude"]) == pytest.approx(15 * (60 * frames) ** 0.5, rel=0.3)


def test_lost_packets_do_not_hide_a_long_pulse(search):
    images = sky(40_000, side=4)
    images[36_000:36_512, 1, 2] += np.uint16(round(15 * (60 / 512) ** 0.5))
    valid = np.random.default_rng(6).random((40_000, 4)) > 0.01
    images[~valid[:, quadrant_map(4)]] = 0
    found = search(images, valid=valid, threshold=6.0)
    assert set(found["y"].values.tolist()) == {1}
    assert set(found["x"].values.tolist()) == {2}
    assert (abs(found["frame"].values - 36_000) < 1024).all()
    assert {8, 9, 10} <= set(found["level"].values.tolist())


@pytest.mark.parametrize("level", [3, 60, 700])
def test_significance_of_noise_is_normal(search, level):
    images = sky(3000, level=level, side=16)
    found = search(images, threshold=3.5, levels=1, relief=0)
    tried = (3000 - 32) * 256
    expected = tried * 2.3e-4
    assert 0.4 * expected < found.sizes["event"] < 1.6 * expected
    assert found["nsigma"].values.max() < 5.7


def test_significance_is_that_of_li_and_ma():
    on, off, alpha = 106.0, 3200.0, 1 / 64
    expected = np.sqrt(
        2 * (on * np.log((1 + alpha) / alpha * on / (on + off)) + off * np.log((1 + alpha) * off / (on + off)))
    )
    assert significance(on, off, 1.0, 64.0) == pytest.approx(expected, rel=1e-12)


def test_noise_beyond_that_of_light_lowers_the_significance(search):
    draw = np.random.default_rng(3)
    images = np.clip(np.rint(draw.normal(200, 60, (2000, 8, 8))), 0, None).astype("uint16")
    assert search(images, threshold=6.0).sizes["event"] == 0


def test_a_step_of_a_missing_quabo_is_no_pulse(search):
    images, valid = sky(2500), np.ones((2500, 4), bool)
    valid[1000:1200, 0] = False
    images[1000:1200, :16, :16] = 0
    found = search(images, valid=valid, threshold=6.0)
    assert found.sizes["event"] == 0


def test_a_pulse_right_after_a_missing_quabo_is_found(search):
    images, valid = sky(2500), np.ones((2500, 4), bool)
    valid[1000:1020, 0] = False
    images[1000:1020, :16, :16] = 0
    images[1021, 4, 4] += 120
    found = search(images, valid=valid, threshold=8.0, levels=1)
    assert found["frame"].values.tolist() == [1021]


def test_a_constantly_bright_pixel_is_no_pulse(search):
    images = sky(2500)
    images[:, 9, 9] += np.random.default_rng(5).poisson(3000, 2500).astype("uint16")
    assert search(images, threshold=6.0).sizes["event"] == 0


def test_any_block_length_gives_equal_pulses(search):
    images, valid = sky(7000, side=8), np.ones((7000, 4), bool)
    valid[3100:3150, 1] = False
    images[3100:3150, :4, 4:] = 0
    whole = search(images, valid=valid)
    assert whole.sizes["event"] > 20
    for length in (1000, 2999):
        assert search(images, valid=valid, length=length).identical(whole)


def test_any_block_length_gives_equal_long_pulses(search):
    images, valid = sky(90_000, side=4), np.ones((90_000, 4), bool)
    images[60_000:60_300, 2, 2] += 12
    valid[50_000:50_100, 1] = False
    images[50_000:50_100, :2, 2:] = 0
    whole = search(images, valid=valid)
    assert set(whole["level"].values[whole["nsigma"].values > 12]) >= {6, 7, 8, 9}
    for length in (25_003, 41_111):
        assert search(images, valid=valid, length=length).identical(whole)


def test_the_halo_covers_background_and_overlap():
    assert HALO >= BACKGROUND_FRAMES + 32 + 8


def test_no_frames_give_no_pulses(search):
    assert search(sky(0)).sizes["event"] == 0
    assert search(sky(10)).sizes["event"] == 0
