"""Phases of simulated clouds against the truth and against the least error that is possible."""

from __future__ import annotations

import numpy as np
import pytest
from fringe_images import Cloud, cramer_rao, draw

from hven.tasks.fringes.phase import Wave
from hven.tasks.fringes.port import Camera, measure_port
from hven.tasks.fringes.sums import Region

CAMERA = Camera(offset=100.0, gain=2.0, read_noise=1.5, ceiling=65535)
WHOLE = Region(0, 200, 0, 260)
DROPS = 400


@pytest.fixture(scope="module", params=[5e5, 5e6], ids=["faint", "bright"])
def drops(request):
    """Many images of the same cloud with other phases."""
    rng = np.random.default_rng(7)
    phases = rng.uniform(-np.pi, np.pi, DROPS)
    clouds = [Cloud(light=request.param, phase=phase) for phase in phases]
    found = [measure_port(draw(cloud, rng), WHOLE, CAMERA, Wave(cloud.k, 0.0)) for cloud in clouds]
    return clouds, found


def wrapped(angle):
    return (angle + np.pi) % (2 * np.pi) - np.pi


def test_phases_are_as_good_as_they_can_be(drops):
    clouds, found = drops
    least = np.sqrt(np.mean([cramer_rao(cloud, extra=CAMERA.extra)[0] ** 2 for cloud in clouds[:40]]))

    off = wrapped(np.array([p.fringe.phase - c.phase for p, c in zip(found, clouds, strict=True)]))
    pull = off / [p.fringe.phase_error for p in found]

    assert np.sqrt(np.mean(off**2)) <= 1.15 * least
    assert 0.9 <= np.sqrt(np.mean(pull**2)) <= 1.1
    assert abs(np.mean(off)) < 3 * least / np.sqrt(DROPS)


def test_contrast_light_place_and_width_are_right_with_their_errors(drops):
    _, found = drops

    assert abs(np.mean([p.fringe.contrast for p in found]) - 0.7) < 0.01
    for told, error, truth in (
        ([p.fringe.contrast for p in found], [p.fringe.contrast_error for p in found], 0.7),
        ([p.fringe.centre for p in found], [p.fringe.centre_error for p in found], 128.3),
        ([p.fringe.width for p in found], [p.fringe.width_error for p in found], 30.0),
        ([p.rows.centre for p in found], [p.rows.centre_error for p in found], 96.7),
        ([p.rows.width for p in found], [p.rows.width_error for p in found], 18.0),
    ):
        pull = (np.array(told) - truth) / error
        assert 0.9 <= np.sqrt(np.mean(pull**2)) <= 1.12, truth
    assert all(p.fringe.converged for p in found)
    assert np.mean([p.level for p in found]) == pytest.approx(5.0, rel=0.01)
    assert np.mean([p.fringe.chi2_per_point for p in found]) == pytest.approx(1.0, abs=0.05)


def test_where_there_is_no_cloud_none_is_told():
    rng = np.random.default_rng(3)
    found = [measure_port(draw(Cloud(light=0.0), rng), WHOLE, CAMERA, Wave(0.3, 0.0)) for _ in range(100)]

    assert sum(p.fringe is not None or p.rows.found for p in found) == 0
    pull = [p.rows.area / p.rows.area_error for p in found]
    assert 0.8 < np.sqrt(np.mean(np.square(pull))) < 1.2


@pytest.mark.parametrize("light", [0.0, 3e3])
def test_a_limit_holds_for_what_is_too_faint_to_be_seen(light):
    rng = np.random.default_rng(4)
    limits = [measure_port(draw(Cloud(light=light), rng), WHOLE, CAMERA, Wave(0.3, 0.0)).rows.limit for _ in range(100)]

    assert np.mean(np.array(limits) >= light) >= 0.9


def test_a_region_and_its_reference_are_in_pixels_of_the_image():
    cloud = Cloud(light=5e6)
    image = draw(cloud, np.random.default_rng(1))

    whole = measure_port(image, WHOLE, CAMERA, Wave(cloud.k, 50.0))
    part = measure_port(image, Region(20, 180, 10, 250), CAMERA, Wave(cloud.k, 50.0))

    assert wrapped(whole.fringe.phase - (cloud.phase + cloud.k * 50.0)) == pytest.approx(0, abs=0.01)
    assert wrapped(part.fringe.phase - whole.fringe.phase) == pytest.approx(0, abs=0.003)
    assert part.fringe.centre == pytest.approx(whole.fringe.centre, abs=0.2)
    assert part.rows.centre == pytest.approx(whole.rows.centre, abs=0.2)
