"""Fringe removal on genuine absorption images, judged where the fit has not looked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hven.tasks.fringes.absorption import Transition, best_probe, optical_density

RUBIDIUM = Transition(780.241e-9, saturation_counts=2410.0)
CENTRE, RADIUS = (350, 355), 150
SHOTS = range(152, 164)


@pytest.fixture(scope="module")
def shots(real_data):
    """Images with and without atoms, dark image subtracted; dims (shot, y, x)."""
    folder = real_data / "coldatom" / "andor_2020_11_24"

    def read(what, shot):
        return np.asarray(Image.open(folder / f"{what}_2020_11_24_0{shot}.tiff")).astype(np.float64)

    dark = read("Background", SHOTS[0])
    return tuple(np.array([read(what, shot) for shot in SHOTS]) - dark for what in ("Image", "Probe"))


def test_a_combined_probe_leaves_less_noise_in_pixels_that_were_not_fitted(shots):
    images, probes = shots
    y, x = np.indices(images.shape[1:])
    outside = np.hypot(x - CENTRE[0], y - CENTRE[1]) > RADIUS
    judged = outside & ((x // 16 + y // 16) % 2 == 0)

    def noise(references):
        rest = []
        for shot, image in enumerate(images):
            others = [n for n in range(len(probes)) if n != shot][:references]
            chosen = probes[[shot, *others]]
            probe = best_probe(image, chosen, outside & ~judged) if references else chosen[0]
            rest.append(optical_density(image, probe, RUBIDIUM)[0][judged].std())
        return np.mean(rest)

    plain, few, many = noise(0), noise(3), noise(11)
    assert many < few < 0.85 * plain
    assert many < 0.75 * plain


def test_pixels_without_light_are_cut_at_the_ceiling_and_counted():
    atoms, probe = np.array([[50.0, 0.0]]), np.array([[100.0, 200.0]])

    density, full = optical_density(atoms, probe, Transition(780e-9), ceiling=4.0)

    assert density.tolist() == [[pytest.approx(np.log(2)), 4.0]]
    assert full == 1
