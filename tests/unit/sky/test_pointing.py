"""Coordinates against worked examples of a textbook and against their own inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hven.core.clock import parse_utc
from hven.sky.pointing import equatorial, horizontal, project, sidereal_time, unproject

VENUS = {"ra": 347.3193375, "dec": -6.719892, "longitude": -77.065556, "latitude": 38.921389}


def test_sidereal_time_of_the_textbook():
    """Meeus, example 12.a and 12.b."""
    assert sidereal_time(parse_utc("1987-04-10T00:00:00Z"), 0.0) == pytest.approx(197.693195, abs=2e-6)
    assert sidereal_time(parse_utc("1987-04-10T19:21:00Z"), 0.0) == pytest.approx(128.7378734, abs=2e-6)


def test_horizontal_coordinates_of_the_textbook():
    """Meeus, example 13.b; his azimuth counts from south."""
    sidereal = sidereal_time(parse_utc("1987-04-10T19:21:00Z"), VENUS["longitude"])
    azimuth, elevation = horizontal(VENUS["ra"], VENUS["dec"], sidereal, VENUS["latitude"])
    assert azimuth == pytest.approx(180 + 68.0337, abs=2e-3)
    assert elevation == pytest.approx(15.1249, abs=2e-3)


@example(ra=0.0, dec=36.5975647964941, sidereal=0.0, latitude=36.5975647964941)  # in the zenith
@given(ra=st.floats(0, 359.9), dec=st.floats(-85, 85), sidereal=st.floats(0, 359.9), latitude=st.floats(-80, 80))
def test_equatorial_undoes_horizontal(ra, dec, sidereal, latitude):
    back = equatorial(*horizontal(ra, dec, sidereal, latitude), sidereal, latitude)
    assert abs((back[0] - ra + 180) % 360 - 180) < 1e-9
    assert back[1] == pytest.approx(dec, abs=1e-10)


@example(x=1e-6, y=1e-3, azimuth=0.0, elevation=89.999, turn=0.0)  # all but in the zenith
@given(
    x=st.floats(-5, 5),
    y=st.floats(-5, 5),
    azimuth=st.floats(0, 359),
    elevation=st.floats(5, 90),
    turn=st.floats(-180, 180),
)
def test_projection_undoes_itself(x, y, azimuth, elevation, turn):
    direction = unproject(x, y, (azimuth, elevation), turn)
    assert np.allclose(project(*direction, (azimuth, elevation), turn), (x, y), atol=1e-9)


def test_a_degree_up_is_a_degree_up_and_behind_is_nothing():
    x, y = project(100.0, 61.0, (100.0, 60.0))
    assert (x, y) == pytest.approx((0.0, np.degrees(np.tan(np.radians(1.0)))), abs=1e-12)
    assert np.isnan(project(280.0, -60.0, (100.0, 60.0))).all()
