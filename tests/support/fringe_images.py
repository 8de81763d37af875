"""Images of clouds with fringes, and the least error with which their phase can be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cloud:
    """A cloud in photo-electrons and pixels; `level` is the background of a pixel."""

    light: float = 1e6
    x: float = 128.3
    y: float = 96.7
    wide: float = 30.0
    high: float = 18.0
    contrast: float = 0.7
    phase: float = 0.4
    level: float = 5.0
    k: float = 2 * np.pi / 17.0

    def expected(self, shape=(200, 260), reference=0.0):
        y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
        bell = np.exp(-((x - self.x) ** 2) / (2 * self.wide**2) - (y - self.y) ** 2 / (2 * self.high**2))
        bell /= 2 * np.pi * self.wide * self.high
        fringe = 1 + self.contrast * np.cos(self.k * (x - reference) + self.phase)
        return self.level + self.light * bell * fringe


def draw(cloud, rng, *, offset=100.0, gain=2.0, read_noise=1.5, shape=(200, 260)):
    """An image in counts."""
    electrons = rng.poisson(cloud.expected(shape)) + rng.normal(0, read_noise, shape)
    return np.clip(np.rint(offset + gain * electrons), 0, 65535).astype(np.uint16)


def cramer_rao(cloud, *, extra, shape=(200, 260)):
    """Least standard error of phase and contrast where all parameters, the background among them, are unknown."""
    names = ("light", "x", "y", "wide", "high", "contrast", "phase", "level")
    mean = cloud.expected(shape)
    slopes = []
    for name in names:
        value = getattr(cloud, name)
        step = 1e-5 * max(abs(value), 1.0)
        up, down = (Cloud(**{**cloud.__dict__, name: value + s}).expected(shape) for s in (step, -step))
        slopes.append(((up - down) / (2 * step)).ravel())
    slopes = np.array(slopes)
    information = (slopes / (mean + extra).ravel()) @ slopes.T
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors[names.index("phase")], errors[names.index("contrast")]
