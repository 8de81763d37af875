"""Pixels that are not to be trusted."""

import numpy as np
import pytest

from hven.model.frames import MASK_FLAGS
from hven.tasks.frames.pixel_mask import pixel_mask


@pytest.fixture
def maps():
    draw = np.random.default_rng(1)
    return draw.normal(100, 3, (4, 32, 32)), np.full((4, 32, 32), 10.0)


def names(mask, y, x):
    return {name for name, bit in MASK_FLAGS.items() if mask[y, x] & bit}


def test_a_good_camera_has_no_mask(maps):
    assert not pixel_mask(*maps).any()


def test_a_pixel_without_noise_is_dead(maps):
    maps[1][:, 3, 4] = 0
    maps[0][:, 5, 6] = np.nan
    mask = pixel_mask(*maps)
    assert names(mask, 3, 4) == {"dead"}
    assert names(mask, 5, 6) == {"dead"}
    assert np.count_nonzero(mask) == 2


def test_a_bright_pixel_alone_in_every_cell_is_hot(maps):
    maps[0][:, 20, 11] = 600
    maps[1][:, 20, 11] = 60
    assert names(pixel_mask(*maps), 20, 11) == {"hot"}


def test_a_bright_pixel_that_moves_is_a_star(maps):
    for cell in range(4):
        maps[0][cell, 10, 5 + cell] = 600
    mask = pixel_mask(*maps)
    assert [names(mask, 10, 5 + c) for c in range(4)] == [{"star"}] * 4


def test_a_bright_pixel_with_bright_neighbours_is_a_star(maps):
    maps[0][:, 10, 10] = 600
    maps[0][:, 10, 11] = 200
    assert names(pixel_mask(*maps), 10, 10) == {"star"}


def test_a_pixel_with_much_noise_is_noisy(maps):
    maps[1][:, 8, 9] = 40
    mask = pixel_mask(*maps)
    assert names(mask, 8, 9) == {"noisy"}
    assert np.count_nonzero(mask) == 1
