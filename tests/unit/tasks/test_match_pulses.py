"""Pulses in two telescopes."""

from dataclasses import replace

import numpy as np
import pytest

from hven.core.errors import ClockError
from hven.instruments.panoseti.simulator import PALOMAR, Movie, point, random_pulses, simulate_movie
from hven.model.data_id import DataId
from hven.sky.pointing import equatorial, sidereal_time
from hven.tasks.pulses import find_pulses
from hven.tasks.pulses.match_pulses import TASK, MatchConfig, joint_threshold
from hven.testing.tasks import run_task

LEVEL = 200
START = 1_761_109_200_000_000_000


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
    return run_task(
        TASK, {"pulses": tables}, {"pulses": ids(*range(len(tables)))}, MatchConfig(pixel_deg=0.3125, **config)
    )["coincidences"]


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


OFFSETS = {
    "parallel": (0.0, 0.0, 0.0),
    "half a pixel": (0.20, 0.156, 0.0),
    "two degrees": (2.0, -1.7, 0.0),
    "turned": (0.0, 0.0, 35.0),
    "turned and two degrees": (-1.5, 2.2, -20.0),
}


@pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS)
def test_pulses_match_at_their_place_of_the_sky_however_the_telescopes_point(offset):
    first, other = point(PALOMAR, 305.6, 40.3, START)
    azimuth, elevation, turn = offset
    second = replace(
        other,
        azimuth=first.azimuth + azimuth / np.cos(np.radians(first.elevation)),
        elevation=first.elevation + elevation,
        position_angle=first.position_angle + turn,
    )
    pulses = random_pulses(first, START, 60.0, 120, seed=4, lowest_sigma=12.0)
    tables, truth = [], []
    for telescope in (first, second):
        movie = Movie(telescope, START, 100.0, 6000, pulses=pulses, stars=False)
        frames, true = simulate_movie(movie)
        given = {"frames": frames}, {"frames": ids(telescope.module)[0]}
        tables.append(run_task(find_pulses.TASK, *given, find_pulses.PulseConfig())["pulses"])
        truth.append({row["pulse"]: row for row in true.pulses})
    both = set(truth[0]) & set(truth[1])
    found = matched(tables)
    times = found["time"].values.astype("datetime64[ns]").astype("int64")
    seen = set()
    for time, y, x in zip(times, found["y"].values, found["x"].values, strict=True):
        here = {n for n in both if abs(truth[0][n]["time_ns"] - time) <= 40_000_000}
        here = {n for n in here if max(abs(truth[0][n]["y"] - y), abs(truth[0][n]["x"] - x)) <= 1}
        assert here, "a pair where there is no pulse"
        seen |= here
    assert len(both) > 50
    assert len(seen) / len(both) >= 0.98
    assert found.attrs["pointing"] == "from attributes"
    brightest = max(both & seen, key=lambda n: truth[0][n]["sigma"])
    row = int(np.abs(times - truth[0][brightest]["time_ns"]).argmin())
    sidereal = sidereal_time(times[row], first.longitude)
    pulse = pulses[brightest]
    ra, dec = equatorial(pulse.azimuth, pulse.elevation, sidereal, first.latitude)
    assert abs(float(found["ra"][row] - ra)) * np.cos(np.radians(dec)) < 0.35
    assert abs(float(found["dec"][row] - dec)) < 0.35


def test_telescopes_that_look_elsewhere_share_no_pulse(telescopes):
    first, second = telescopes([(500, 10, 10)], sigma=20)
    looks = {"azimuth": 180.0, "elevation": 60.0, "position_angle": 0.0, "latitude": 33.0, "longitude": -117.0}
    pair = first.assign_attrs(looks), second.assign_attrs(looks | {"elevation": 40.0})
    assert matched((first.assign_attrs(looks), second.assign_attrs(looks))).sizes["event"] == 1
    assert matched(pair).sizes["event"] == 0


def test_without_pointing_telescopes_are_taken_as_parallel_and_that_is_said(telescopes):
    found = matched(telescopes([(500, 10, 10)], sigma=20))
    assert found.attrs["pointing"] == "assumed parallel"
    assert np.isnan(found["ra"].values).all()


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
    usual = joint_threshold(MatchConfig(pixel_deg=0.3125), 0)
    assert joint_threshold(MatchConfig(pixel_deg=0.3125, pixel_frames=7e12), 0) > usual
    assert joint_threshold(MatchConfig(pixel_deg=0.3125, false_pairs=0.01), 0) > usual


@pytest.mark.parametrize("status", [("wr-locked", "unsynchronised"), ("wr-locked", "subsecond-locked")])
def test_clocks_that_are_not_locked_alike_are_refused(telescopes, status):
    with pytest.raises(ClockError, match="detector 1 is " + status[1]):
        matched(telescopes([], status=status, rows=100))
