from __future__ import annotations

import numpy as np
import pytest

from hven.core.constants import ATOMIC_MASS_KG, BOLTZMANN_J_PER_K
from hven.tasks.fringes.differential import difference_of_phases, fit_ellipse, fit_populations
from hven.tasks.fringes.temperature import fit_temperature

NOISE, PAIRS, TRIES = 0.005, 100, 24


def populations(difference, rng, contrast=0.6):
    common = rng.uniform(0, 2 * np.pi, PAIRS)
    one = 0.5 * (1 - contrast * np.cos(common)) + rng.normal(0, NOISE, PAIRS)
    other = 0.5 * (1 - 0.9 * contrast * np.cos(common + difference)) + rng.normal(0, NOISE, PAIRS)
    return one, other


@pytest.mark.parametrize("difference", [0.08, 0.5, 1.0, np.pi / 2, np.pi - 0.1])
def test_the_likelihood_is_unbiased_and_knows_its_error(difference):
    rng = np.random.default_rng(5)
    found = [fit_populations(*populations(difference, rng), NOISE) for _ in range(TRIES)]
    off = np.array([f.phase for f in found]) - difference
    errors = np.array([f.error for f in found])

    assert abs(off.mean()) < 3 * off.std() / np.sqrt(TRIES) + 0.2 * off.std()
    assert 0.8 < np.sqrt(np.mean((off / errors) ** 2)) < 1.2
    assert off.std() < 0.005


def test_the_ellipse_is_right_where_it_is_open_and_biased_where_it_is_thin():
    rng = np.random.default_rng(6)
    open_, thin = (np.mean([fit_ellipse(*populations(d, rng)) for _ in range(TRIES)]) - d for d in (1.0, 0.03))

    assert abs(open_) < 0.003
    assert thin > 0.002


def test_too_few_pairs_tell_nothing():
    few = np.array([0.1, 0.5])

    assert fit_ellipse(few, few) is None
    assert fit_populations(few, few, NOISE) is None
    assert difference_of_phases((few * np.nan, few), (few, few)) is None


def test_phases_of_single_drops_give_their_difference_whatever_the_common_phase():
    rng = np.random.default_rng(8)
    common, errors = rng.uniform(-np.pi, np.pi, 500), rng.uniform(0.01, 0.03, (2, 500))
    told = [np.angle(np.exp(1j * (common + d + rng.normal(0, e)))) for d, e in ((0.0, errors[0]), (3.1, errors[1]))]
    told[0][7] = np.nan

    found = difference_of_phases(tuple(told), tuple(errors))

    assert abs(found.phase - 3.1) < 4 * found.error < 0.01


def test_temperatures_are_right_within_two_per_cent():
    rng = np.random.default_rng(9)
    flight = np.repeat([0.02, 0.05, 0.08, 0.11, 0.14], 20)
    width = np.sqrt(2e-4**2 + BOLTZMANN_J_PER_K * 2e-6 / (87.9 * ATOMIC_MASS_KG) * flight**2)
    error = width / 50  # a signal-to-noise of 50
    found = [fit_temperature(flight, width + rng.normal(0, error), error, 87.9) for _ in range(100)]
    off = np.array([f.kelvin / 2e-6 - 1 for f in found])

    assert abs(off.mean()) < 0.005
    assert off.std() < 0.02
    assert 0.8 < np.sqrt(np.mean([((f.kelvin - 2e-6) / f.kelvin_error) ** 2 for f in found])) < 1.2
    assert np.mean([f.chi2_per_point for f in found]) == pytest.approx(1, abs=0.1)
    assert fit_temperature(flight[:20], width[:20], error[:20], 87.9) is None
