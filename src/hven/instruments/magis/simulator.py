"""Simulated series of a gradiometer: two cameras see the same drops, each with two ports, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hven.core.clock import NS, day_obs_begin
from hven.core.constants import ATOMIC_MASS_KG, BOLTZMANN_J_PER_K
from hven.core.errors import ConflictError
from hven.instruments.magis.files.write import write_file
from hven.instruments.magis.images import DropFormat
from hven.instruments.magis.names import SeriesName
from hven.instruments.magis.recognise import COMPLETE, recognise
from hven.instruments.magis.series import CONFIGURATION
from hven.instruments.magis.types import IMAGES
from hven.model.exposure_log import SUFFIX, announce, encode

OFFSET_HOURS = -20.0
CAMERAS = (1, 2)
RATE_HZ = 3.0
DROPS_PER_FILE = 64


@dataclass(frozen=True, slots=True)
class Gradiometer:
    """What is true of a series.

    Parameters
    ----------
    drops
        Triggers; a few of them are missed.
    height, width
        Of an image, in pixels; each half of the rows shows one port.
    atoms
        Of both ports together.
    temperature
        In kelvin.
    start_width
        Standard deviation of the cloud at its release, in metres.
    flights
        Times of flight in seconds, in turn.
    contrast, difference
        Of the fringes; phase of the second camera against the first, in radians.
    missed
        Part of the triggers that are missed.
    """

    drops: int = 300
    height: int = 384
    width: int = 320
    atoms: float = 2e5
    mass_u: float = 87.906
    temperature: float = 2e-6
    start_width: float = 2.5e-4
    flights: tuple[float, ...] = (0.02, 0.035, 0.05, 0.065, 0.08)
    contrast: float = 0.7
    difference: float = 1.1
    fringe_period: float = 16.0
    pixel_m: float = 5e-5
    electrons_per_atom: float = 10.0
    background: float = 4.0
    offset: float = 100.0
    gain: float = 2.0
    read_noise: float = 1.5
    missed: float = 0.02

    @property
    def configuration(self) -> dict[str, Any]:
        """Content of `series.json`."""
        half = self.height // 2
        camera = {
            "offset": self.offset, "gain": self.gain, "read_noise": self.read_noise, "ceiling": 65535,
            "pixel_m": self.pixel_m, "electrons_per_atom": self.electrons_per_atom,
            "port_1": [0, half, 0, self.width], "port_2": [half, self.height, 0, self.width],
            "fringe_period": self.fringe_period, "phase_reference": self.width / 2,
        }  # fmt: skip
        return {"atom": "Sr-88", "mass_u": self.mass_u, "cameras": {str(number): camera for number in CAMERAS}}

    def cloud_width(self, flight: float) -> float:
        """Standard deviation of the cloud in metres after a time of flight in seconds."""
        speed2 = BOLTZMANN_J_PER_K * self.temperature / (self.mass_u * ATOMIC_MASS_KG)
        return float(np.sqrt(self.start_width**2 + speed2 * flight**2))

    def image(self, drop: dict[str, float], rng: np.random.Generator) -> NDArray[np.uint16]:
        """Draw an image in counts, dims (y, x)."""
        y, x = np.arange(self.height)[:, np.newaxis], np.arange(self.width)[np.newaxis, :]
        wave = np.cos(2 * np.pi / self.fringe_period * (x - self.width / 2) + drop["phase"])
        light = np.full((self.height, self.width), self.background)
        sigma = drop["width"] / self.pixel_m
        for sign, centre in ((1, self.height / 4), (-1, 3 * self.height / 4)):
            bell = np.exp(-((x - drop["x"]) ** 2 + (y - centre - drop["dy"]) ** 2) / (2 * sigma**2))
            bell /= 2 * np.pi * sigma**2
            light += drop["atoms"] / 2 * self.electrons_per_atom * bell * (1 + sign * self.contrast * wave)
        electrons = rng.poisson(light) + rng.normal(0, self.read_noise, light.shape)
        counts: NDArray[np.uint16] = np.clip(np.rint(self.offset + self.gain * electrons), 0, 65535).astype(np.uint16)
        return counts


def simulate(folder: Path, *, night: int = 20251021, seed: int = 1, scale: float = 1.0) -> tuple[Path, ...]:
    """Write one series of a gradiometer with its exposure log, and what is true of it beside it.

    Parameters
    ----------
    folder
        Made if it is not there.
    night
        Observing day, YYYYMMDD.
    seed
        The same seed gives the same bits.
    scale
        Factor on the number of drops; 1 gives some 150 MB.

    Returns
    -------
    tuple of Path
        Truth files, in `truth/<night>/`: `drops.parquet` and `series.json`.

    Raises
    ------
    ConflictError
        When the series is there already.
    """
    truth = Gradiometer(drops=max(10, round(300 * scale)))
    name = SeriesName("gradiometer", day_obs_begin(night, OFFSET_HOURS) + 9 * 3600 * NS)
    series = folder / str(name)
    if series.exists():
        raise ConflictError(f"{series} is there already", hint="Choose another folder or night.")
    series.mkdir(parents=True)
    drops = list(_drops(truth, name.start_ns, np.random.default_rng([seed, night])))
    (series / CONFIGURATION).write_text(json.dumps(truth.configuration, indent=1))
    for camera in CAMERAS:
        _write_camera(series, truth, camera, [d for d in drops if d["camera"] == camera], (seed, night))
    (series / COMPLETE).touch()
    _write_log(folder, night, series)
    return _write_truth(folder / "truth" / str(night), truth, drops)


def _write_log(folder: Path, night: int, series: Path) -> None:
    """Announce what a series holds, as the data acquisition would."""
    entries = [
        e for taken in recognise(series) for e in announce(taken, lambda _name: DropFormat(IMAGES), Path.read_bytes)
    ]
    (folder / f"magis.{night}{SUFFIX}").write_text(encode(entries))


def _drops(truth: Gradiometer, start_ns: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """What each camera sees of each drop; the common phase wanders, the difference does not."""
    for number in range(truth.drops):
        common, flight = rng.uniform(-np.pi, np.pi), truth.flights[number % len(truth.flights)]
        atoms = truth.atoms * rng.normal(1, 0.03)
        x, dy = truth.width / 2 + rng.normal(0, 2), rng.normal(0, 1)
        if rng.random() < truth.missed:
            continue
        for camera in CAMERAS:
            yield {
                "camera": camera, "drop": number, "time_ns": start_ns + round(number / RATE_HZ * NS),
                "flight": flight, "phase": float(np.angle(np.exp(1j * (common + (camera - 1) * truth.difference)))),
                "width": truth.cloud_width(flight), "atoms": atoms, "x": x, "dy": dy,
            }  # fmt: skip


def _write_camera(
    folder: Path, truth: Gradiometer, camera: int, drops: list[dict[str, Any]], seed: tuple[int, int]
) -> None:
    for sequence, first in enumerate(range(0, len(drops), DROPS_PER_FILE)):
        some = drops[first : first + DROPS_PER_FILE]
        images = [(header(d), truth.image(d, np.random.default_rng([*seed, camera, d["drop"]]))) for d in some]
        write_file(folder / f"camera_{camera}.{sequence:04d}.drops", images)


def header(drop: dict[str, Any]) -> dict[str, int]:
    """Numbers that the header of a glowing cloud's image tells."""
    numbers = {name: drop[name] for name in ("camera", "drop", "time_ns")}
    return {**numbers, "flight_ns": round(drop["flight"] * NS), "kind": 0}


def _write_truth(folder: Path, truth: Gradiometer, drops: list[dict[str, Any]]) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    table, series = folder / "drops.parquet", folder / "series.json"
    pd.DataFrame(drops).to_parquet(table, index=False)
    facts = {name: getattr(truth, name) for name in ("temperature", "contrast", "difference", "atoms", "mass_u")}
    series.write_text(json.dumps(facts, indent=1))
    return table, series
