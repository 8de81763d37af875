"""Cameras that look at the same sky."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hven.sky.camera import Camera, pixels_in

PALOMAR = Camera(azimuth=120.0, elevation=65.0, position_angle=5.0, latitude=33.356, longitude=-116.865)
SIDE, PIXEL = 32, 0.3125


@given(y=st.floats(0, 31), x=st.floats(0, 31), angle=st.floats(-180, 180), azimuth=st.floats(0, 359))
def test_direction_undoes_pixel(y, x, angle, azimuth):
    camera = replace(PALOMAR, position_angle=angle, azimuth=azimuth)
    back = camera.pixel(*camera.direction(y, x, SIDE, PIXEL), SIDE, PIXEL)
    assert back == (pytest.approx(y, abs=1e-6), pytest.approx(x, abs=1e-6))


def test_the_same_camera_has_the_same_pixels():
    assert np.abs(np.stack(pixels_in(PALOMAR, PALOMAR, SIDE, PIXEL)) - np.indices((SIDE, SIDE))).max() < 1e-9


def test_an_offset_in_elevation_moves_rows():
    higher = replace(PALOMAR, position_angle=0.0, elevation=PALOMAR.elevation + 2 * PIXEL)
    y, x = pixels_in(replace(PALOMAR, position_angle=0.0), higher, SIDE, PIXEL)
    rows, columns = np.indices((SIDE, SIDE))
    assert np.abs(y - (rows - 2))[15:17, 15:17].max() < 0.01  # the upper rows of the one look higher still
    assert np.abs(x - columns)[:, 15:17].max() < 0.05


def test_a_turn_of_a_right_angle_exchanges_rows_and_columns():
    turned = replace(PALOMAR, position_angle=PALOMAR.position_angle + 90.0)
    y, x = pixels_in(PALOMAR, turned, SIDE, PIXEL)
    rows, columns = np.indices((SIDE, SIDE))
    assert np.abs(y - columns).max() < 1e-9  # its up is the other's right
    assert np.abs(x - (SIDE - 1 - rows)).max() < 1e-9


def test_there_and_back_is_where_one_was():
    far = replace(PALOMAR, latitude=37.34, longitude=-121.64, azimuth=118.0, elevation=63.0, position_angle=-40.0)
    y, x = pixels_in(PALOMAR, far, SIDE, PIXEL)
    azimuth, elevation = PALOMAR.direction(y, x, SIDE, PIXEL)
    back = np.stack(far.pixel(*far.seen_from(PALOMAR, azimuth, elevation), SIDE, PIXEL))
    assert np.abs(back - np.indices((SIDE, SIDE))).max() < 1e-5


def test_a_star_is_at_its_place_for_telescopes_on_two_mountains():
    """Against astropy, whose transformation also holds the Earth's figure; refraction is off."""
    coordinates = pytest.importorskip("astropy.coordinates")
    from astropy import units
    from astropy.time import Time

    star = coordinates.SkyCoord(305.6 * units.deg, 40.3 * units.deg)
    time = Time("2025-10-22T05:00:00")
    cameras, places = [], []
    for latitude, longitude, angle in ((33.356, -116.865, 3.0), (37.3425, -121.638, -20.0)):
        site = coordinates.EarthLocation(lat=latitude * units.deg, lon=longitude * units.deg)
        seen = star.transform_to(coordinates.AltAz(obstime=time, location=site))
        camera = Camera(seen.az.deg + 1.0, seen.alt.deg - 1.5, angle, latitude, longitude)
        cameras.append(camera)
        places.append(np.array(camera.pixel(seen.az.deg, seen.alt.deg, SIDE, PIXEL)))
    direction = cameras[0].seen_from(cameras[1], *cameras[1].direction(*places[1], SIDE, PIXEL))
    assert np.abs(np.array(cameras[0].pixel(*direction, SIDE, PIXEL)) - places[0]).max() < 0.05


def test_attributes_without_a_position_angle_tell_nothing():
    attrs = {"azimuth": 1.0, "elevation": 2, "position_angle": 3.0, "latitude": 4.0, "longitude": 5.0}
    assert Camera.from_attrs(attrs | {"gain": 60}) == Camera(1.0, 2.0, 3.0, 4.0, 5.0)
    assert Camera.from_attrs({k: v for k, v in attrs.items() if k != "position_angle"}) is None


def test_the_genuine_telescopes_of_lick_overlap_but_are_not_parallel(real_data):
    folder = next((real_data / "panoseti" / "run_directories").glob("obs_Lick*"))
    domes = json.loads((folder / "obs_config.json").read_text())["domes"]
    cameras = [
        Camera(m["azimuth"], m["elevation"], m["position_angle"], d["obslat"], d["obslon"])
        for d in domes
        for m in d["modules"]
    ]
    y, x = pixels_in(cameras[0], cameras[1], SIDE, PIXEL)
    inside = (np.abs(y - 15.5) < 16) & (np.abs(x - 15.5) < 16)
    assert 0.5 < inside.mean() < 1.0
    assert np.hypot(y - np.indices((SIDE, SIDE))[0], x - np.indices((SIDE, SIDE))[1]).mean() > 1.0
