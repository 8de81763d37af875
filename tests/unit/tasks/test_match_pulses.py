"""Pulses in two telescopes."""

import numpy as np
import pytest

from hven.core.errors import ClockError
from hven.model.data_id import DataId
from hven.tasks.pulses import find_pulses
from hven.tasks.pulses.match_pulses import TASK, MatchConfig, joint_threshold
from hven.testing.tasks import run_task

LEVEL = 200


def ids(*detectors):
    return tuple(DataId(instrument="panoseti", detector=d) for d in detectors)


@pytest.fixture
def telescopes(raw_frames):
    """Pulses found in two movies with the same flashes of light."""

    def find(
        flashes, *, rows=2048, sigma=8.0, status=("wr-locked", "wr-locked"), delay_ns=0, level=LEVEL, varies=False
    ):
        tables = []
        for detector in (0, 1):
            draw = np.random.default_rng(detector)
            images = draw.poisson(level, (rows, 32, 32)).astype("uint16")
            for frame, y, x in flashes:
                light = sigma * level**0.5
                images[frame, y, x] += np.uint16(draw.poisson(light) if varies else round(light))
            dataset = raw_frames(images, clock_status=status[detector])
            dataset = dataset.assign_coords(time=dataset["time"] + np.timedelta64(detector * delay_ns, "ns"))
            given = {"frames": dataset}
            found = run_task(find_pulses.TASK, given, {"frames": ids(detector)[0]}, find_pulses.PulseConfig())
            tables.append(found["pulses"])
        return tuple(tables)

    return find


def matched(tables, **config):
    return run_task(TASK, {"pulses": tables}, {"pulses": ids(*range(len(tables)))}, MatchConfig(**config))[
        "coincidences"
    ]


@pytest.mark.parametrize(("level", "varies"), [(30, False), (200, False), (30, True), (60, True), (200, True)])
def test_pulses_of_8_sigma_in_each_of_two_telescopes_are_recovered(telescopes, level, varies):
    draw = np.random.default_rng(9)
    flashes = [(100 + 8 * n, *draw.integers(0, 32, 2).tolist()) for n in range(240)]
    found = matched(telescopes(flashes, level=level, varies=varies))
    frame = (found["time"].values.astype("int64") - 1_700_000_040_000_000_000) // 1_000_000
    seen = set(zip(frame.tolist(), found["y"].values.tolist(), found["x"].values.tolist(), strict=True))
    recovered = [any((f + d, y, x) in seen for d in (-3, -2, -1, 0, 1)) for f, y, x in flashes]
    assert np.mean(recovered) >= 0.98
    assert found.sizes["event"] <= len(flashes) + 1


def test_a_difference_within_a_frame_is_kept_exactly(telescopes):
    found = matched(telescopes([(500, 10, 10)], sigma=20, delay_ns=123_457))
    assert found["dt"].values.tolist() == [123_457]
    assert (found["detector_1"].values.tolist(), found["detector_2"].values.tolist()) == ([0], [1])


def test_pulses_at_other_times_or_places_are_not_joined(telescopes):
    first, second = telescopes([(500, 10, 10)], sigma=20)
    moved = second.assign(y=second["y"] + np.int16(3))
    late = second.assign_coords(time=second["time"] + np.timedelta64(50, "ms"))
    assert matched((first, moved)).sizes["event"] == 0
    assert matched((first, late)).sizes["event"] == 0


def test_one_telescope_alone_has_no_coincidences(telescopes):
    found = matched(telescopes([(500, 10, 10)], sigma=20)[:1])
    assert found.sizes["event"] == 0
    assert found["nsigma"].dtype == np.float32


def test_noise_alone_gives_no_pairs(telescopes):
    assert matched(telescopes([])).sizes["event"] == 0


def test_a_stricter_demand_raises_the_threshold():
    assert joint_threshold(MatchConfig(pixel_frames=7e12), 0) > joint_threshold(MatchConfig(), 0)
    assert joint_threshold(MatchConfig(false_pairs=0.01), 0) > joint_threshold(MatchConfig(), 0)


@pytest.mark.parametrize("status", [("wr-locked", "unsynchronised"), ("wr-locked", "subsecond-locked")])
def test_clocks_that_are_not_locked_alike_are_refused(telescopes, status):
    with pytest.raises(ClockError, match="detector 1 is " + status[1]):
        matched(telescopes([], status=status, rows=100))
