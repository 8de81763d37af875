"""Telescopes of the simulated array, at Palomar."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hven.sky.camera import Camera
from hven.sky.pointing import horizontal, sidereal_time

SPEED_OF_LIGHT = 299_792_458.0
_EARTH_RADIUS_M = 6_371_000.0


@dataclass(frozen=True, slots=True)
class Telescope:
    """One module and where it looks.

    Latitude, longitude (east positive), azimuth, elevation and position angle in degrees, altitude in metres.
    """

    name: str
    dome: str
    module: int
    latitude: float
    longitude: float
    altitude: float
    azimuth: float = 0.0
    elevation: float = 60.0
    position_angle: float = 0.0

    @property
    def ip_address(self) -> str:
        """Address of quabo 0."""
        boardloc = self.module << 2
        return f"192.168.{boardloc >> 8}.{boardloc & 255}"

    @property
    def camera(self) -> Camera:
        """Where its camera stands and looks."""
        return Camera(self.azimuth, self.elevation, self.position_angle, self.latitude, self.longitude)

    @property
    def centre(self) -> tuple[float, float]:
        """Azimuth and elevation."""
        return self.azimuth, self.elevation

    @property
    def direction(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Unit vector east, north, up along the optical axis."""
        az, el = np.radians(self.azimuth), np.radians(self.elevation)
        return np.array([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)])


PALOMAR = (
    Telescope("Winter", "winter", 1, 33.3560, -116.8667, 1706.0, position_angle=2.0),
    Telescope("Gattini", "gattini", 3, 33.3565, -116.8604, 1695.0, position_angle=-3.0),
)
"""Two telescopes some 600 m apart; places are approximate."""


def point(telescopes: tuple[Telescope, ...], ra: float, dec: float, time_ns: int) -> tuple[Telescope, ...]:
    """Telescopes turned, all in parallel, to where a direction (degrees) will be at a time."""
    first = telescopes[0]
    azimuth, elevation = horizontal(ra, dec, sidereal_time(time_ns, first.longitude), first.latitude)
    return tuple(replace(t, azimuth=round(float(azimuth), 4), elevation=round(float(elevation), 4)) for t in telescopes)


def light_delay_ns(telescope: Telescope, reference: Telescope) -> float:
    """How much later light from the direction of the optical axis reaches a telescope than a reference one."""
    north = np.radians(telescope.latitude - reference.latitude) * _EARTH_RADIUS_M
    east = np.radians(telescope.longitude - reference.longitude) * _EARTH_RADIUS_M
    east *= np.cos(np.radians(reference.latitude))
    baseline = np.array([east, north, telescope.altitude - reference.altitude])
    return float(-(baseline @ reference.direction) / SPEED_OF_LIGHT * 1e9)
