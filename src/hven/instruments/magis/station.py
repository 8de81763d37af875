"""A simulated station in calibration mode: a laser and a drop system that drift, and what corrects them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hven.instruments.magis.files.write import Image
from hven.instruments.magis.simulator import RATE_HZ, Gradiometer, header

_NS = 1e9


@dataclass(slots=True)
class Controller:
    """Proportional and integral: what is added to a parameter for a correction that was measured.

    Examples
    --------
    >>> controller = Controller(0.5, 0.1)
    >>> [round(controller.step(value), 3) for value in (1.0, 0.5)]
    [0.6, 0.4]
    """

    proportional: float = 0.5
    integral: float = 0.1
    _sum: float = 0.0

    def step(self, correction: float) -> float:
        """What to add now."""
        self._sum += correction
        return self.proportional * correction + self.integral * self._sum


@dataclass(slots=True)
class Station:
    """What one camera sees of a laser and a launch that are off and go on drifting.

    Parameters
    ----------
    seen
        How clouds and camera are.
    interrogation_s, launch_m_s
        Time between the lasers' pulses; speed at the launch.
    frequency_hz, frequency_drift
        How far the laser is off, and how much it drifts from drop to drop.
    tilt_rad, tilt_drift
        The same of the launch.
    outliers
        Part of the drops that show something else: a kicked laser and a kicked launch.
    """

    seen: Gradiometer = field(default_factory=Gradiometer)
    interrogation_s: float = 0.01
    launch_m_s: float = 1.0
    frequency_hz: float = 20.0
    frequency_drift: float = 0.2
    tilt_rad: float = 0.01
    tilt_drift: float = 1e-5
    outliers: float = 0.05

    @property
    def flight_s(self) -> float:
        """From the launch to the exposure."""
        return self.seen.flights[0]

    @property
    def wanted(self) -> dict[str, float]:
        """Configuration of `fringes.correct_drops` for this station."""
        place = self.seen.width / 2 * self.seen.pixel_m
        return {"interrogation_s": self.interrogation_s, "launch_m_s": self.launch_m_s, "place_m": place}

    def drop(self, number: int, rng: np.random.Generator) -> tuple[Image, bool]:
        """Header and pixels of the next drop, and whether it is an outlier; laser and launch drift meanwhile."""
        self.frequency_hz += self.frequency_drift
        self.tilt_rad += self.tilt_drift
        kicked = bool(number and rng.random() < self.outliers)
        phase = 2 * math.pi * self.interrogation_s * self.frequency_hz + kicked * rng.choice((-1.5, 1.5))
        shift = self.launch_m_s * self.flight_s * (self.tilt_rad + kicked * rng.choice((-0.03, 0.03)))
        drop = {
            "camera": 1, "drop": number, "time_ns": round(number / RATE_HZ * _NS), "flight": self.flight_s,
            "phase": phase, "width": self.seen.cloud_width(self.flight_s), "atoms": self.seen.atoms,
            "x": self.seen.width / 2 + shift / self.seen.pixel_m, "dy": 0.0,
        }  # fmt: skip
        pixels: NDArray[np.uint16] = self.seen.image(drop, rng)
        return (header(drop), pixels), kicked

    def correct(self, parameter: str, change: float) -> None:
        """Add to the laser's frequency or to the launch's tilt."""
        if parameter == "laser_frequency":
            self.frequency_hz += change
        else:
            self.tilt_rad += change
