"""Drops of 60 megapixels: both ports measured, against plain numpy and scipy and against copying the image."""

from __future__ import annotations

from collections.abc import Iterator

import numcodecs
import numpy as np
import scipy.optimize
from harness import Figure, interleave
from numpy.typing import NDArray

from hven.tasks.fringes.measure_drops import DropConfig, Setup, measure_drop
from hven.tasks.fringes.phase import Wave
from hven.tasks.fringes.port import Camera
from hven.tasks.fringes.sums import Region

SIDE = 7680
PERIOD, WIDE, LEVEL, LIGHT = 400.0, 700.0, 20.0, 4e8
SETUP = Setup(
    Camera(offset=100.0, gain=1.0, read_noise=2.0, ceiling=65535),
    (Region(0, SIDE // 2, 0, SIDE), Region(SIDE // 2, SIDE, 0, SIDE)),
    Wave(2 * np.pi / PERIOD, SIDE / 2), 5e-6, 100.0,
)  # fmt: skip
PHASE = 0.8


def _image() -> NDArray[np.uint16]:
    rng = np.random.default_rng(1)
    x = np.arange(SIDE)
    image = rng.poisson(LEVEL, (SIDE, SIDE)).astype(np.uint16)
    wave = np.cos(2 * np.pi / PERIOD * (x - SIDE / 2) + PHASE)
    for sign, centre in ((1, SIDE // 4), (-1, 3 * SIDE // 4)):
        bell = np.exp(-((x - SIDE / 2) ** 2) / (2 * WIDE**2)) * (1 + sign * 0.7 * wave) / (2 * np.pi * WIDE**2)
        across = np.exp(-((x - centre) ** 2) / (2 * WIDE**2))
        for row in range(0, SIDE, 512):
            part = LIGHT * across[row : row + 512, np.newaxis] * bell
            image[row : row + 512] += rng.poisson(part).astype(np.uint16)
    return image + np.uint16(100)


def _plain(image: NDArray[np.uint16]) -> float:
    """Double precision, background from the median, Fourier transform of a port, fit of its profile."""
    light = image.astype(np.float64) - 100.0
    light -= np.median(light[:200])
    port = light[: SIDE // 2]
    spectrum = np.abs(np.fft.fft2(port))
    spectrum[0, :3] = 0
    x, profile = np.arange(SIDE, dtype=np.float64), port.sum(axis=0)

    def model(x, *values):
        level, area, centre, width, contrast, phase = values
        bell = np.exp(-((x - centre) ** 2) / (2 * width**2))
        return level + area * bell * (1 + contrast * np.cos(2 * np.pi / PERIOD * (x - SIDE / 2) + phase))

    start = (0.0, profile.max(), SIDE / 2, 600.0, 0.5, 0.5)
    return float(scipy.optimize.curve_fit(model, x, profile, start)[0][5])


def figures() -> Iterator[Figure]:
    image = _image()
    found = measure_drop(image, SETUP, DropConfig())
    assert abs(found["phase"] - PHASE) < 0.01
    assert found["quality"] == 0
    ours, plain, copy = interleave(
        lambda: measure_drop(image, SETUP, DropConfig()), lambda: _plain(image), image.copy, repeats=3
    )
    times = ours.wall / copy.wall
    note = f"{1e3 * ours.wall:.0f} ms for both ports of {SIDE * SIDE / 1e6:.0f} Mpx, {times:.1f}x copying the image"
    rows = np.ascontiguousarray(image[::8])
    stored = numcodecs.Blosc("zstd", clevel=1, shuffle=numcodecs.Blosc.SHUFFLE).encode(rows)
    facts = {
        "magis.drop.cpu_per_byte": (ours.cpu / (image.nbytes / 1e9), "s / GB"),
        "magis.l0.compression": (rows.nbytes / len(stored), ""),
    }
    yield Figure("drop of 59 Mpx against numpy and scipy, one port", plain.cpu / ours.cpu, "x", ">=", 5.0, note, facts)
    rate = (
        f"{image.nbytes / copy.wall / 1e9:.1f} GB/s copied, {image.nbytes / ours.wall / 1e9:.1f} GB/s of image measured"
    )
    yield Figure("drop of 59 Mpx against memory: times copying the image", times, "x", "<=", 6.0, rate)
