"""Pulse-height mode: Cherenkov showers seen by all telescopes, and chance triggers of single ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.instruments.panoseti.clock import ClockStatus
from hven.instruments.panoseti.frames import FrameFormat
from hven.instruments.panoseti.layouts import MODULE_PADDED
from hven.instruments.panoseti.products import PRODUCTS
from hven.instruments.panoseti.simulator import packets
from hven.instruments.panoseti.simulator.camera import camera, transparency
from hven.instruments.panoseti.simulator.faults import NO_FAULTS, Faults
from hven.instruments.panoseti.simulator.movie import Cell
from hven.instruments.panoseti.simulator.seeds import random
from hven.instruments.panoseti.simulator.site import Telescope, light_delay_ns
from hven.instruments.panoseti.simulator.stars import SIDE

_SMALLEST_PE, _LARGEST_PE = 60.0, 3000.0
_SIZE_SLOPE = 1.7
_FLASH_PE = 12.0
_GRID = np.arange(SIDE)


@dataclass(frozen=True)
class Events:
    """Triggered events of one telescope in one run.

    Parameters
    ----------
    telescope, reference
        Which telescope, and the one at which the showers' times are counted.
    start_ns, duration_s
        Begin (UTC) and length of the run.
    shower_hz, chance_hz
        Rate of showers, common to all telescopes, and of chance triggers, each telescope's own.
    seed
        Of all random numbers.
    faults
        What goes wrong.
    """

    telescope: Telescope
    reference: Telescope
    start_ns: int
    duration_s: float
    shower_hz: float = 0.5
    chance_hz: float = 0.4
    seed: int = 1
    faults: Faults = NO_FAULTS

    @cached_property
    def table(self) -> pd.DataFrame:
        """Truth of each event in order of time.

        Columns time_ns, detector, shower (its number, -1 for a chance trigger), size (photo-electrons), y, x, length,
        width (pixels) and psi (radians, from x towards y).
        """
        both = pd.concat([self._showers(), self._chances()], ignore_index=True)
        return both.sort_values("time_ns", ignore_index=True)

    @cached_property
    def stream(self) -> packets.Stream:
        """The events' packets."""
        return packets.Stream(self.seed, f"ph1024 {self.start_ns}", self.telescope.module, len(self.table), self.faults)

    def cells(self) -> Iterator[Cell]:
        """All events, some at a time."""
        for cell in packets.cells(len(self.table)):
            yield self._cell(cell)

    def _cell(self, cell: int) -> Cell:
        number = packets.numbers(cell, len(self.table))
        rows = self.table.iloc[number[0] : number[-1] + 1]
        pixels, draw = camera(self.seed, self.telescope.module, self.faults), self.stream.random("light", cell)
        phase = (rows["time_ns"].to_numpy() - self.start_ns) / NS / self.duration_s
        light = draw.poisson(shower_images(rows) * transparency(self.faults, phase)[:, None, None])
        values = pixels.pedestal + pixels.noise * draw.standard_normal(light.shape) + pixels.gain * light
        images = np.rint(values).clip(-32768, 32767).astype(np.int16)
        packets.darken(images, self.stream.missing(number))
        times = rows["time_ns"].to_numpy()
        headers = self.stream.headers(cell, number, times)
        kept = self.stream.kept(cell, number)
        return Cell(times[kept], {k: v[kept] for k, v in headers.items()}, images[kept])

    def _showers(self) -> pd.DataFrame:
        common = random(self.seed, "showers", self.start_ns)
        times = _arrivals(common, self.start_ns, self.duration_s, self.shower_hz)
        size = _SMALLEST_PE * (1 - common.random(len(times)) * 0.999) ** (-1 / _SIZE_SLOPE)
        place, psi = common.uniform(8.0, 23.0, (2, len(times))), common.uniform(0, np.pi, len(times))
        own = random(self.seed, "showers", self.start_ns, self.telescope.module)
        delay = round(light_delay_ns(self.telescope, self.reference))
        shift = own.normal(0.0, 1.5, (2, len(times)))
        length = own.uniform(1.0, 2.6, len(times))
        return pd.DataFrame(
            {
                "time_ns": times + delay,
                "detector": self.telescope.module,
                "shower": np.arange(len(times)),
                "size": np.minimum(size, _LARGEST_PE) * own.lognormal(0.0, 0.2, len(times)),
                "y": place[0] + shift[0],
                "x": place[1] + shift[1],
                "length": length,
                "width": length * own.uniform(0.35, 0.7, len(times)),
                "psi": psi + own.normal(0.0, 0.2, len(times)),
            }
        )

    def _chances(self) -> pd.DataFrame:
        draw = random(self.seed, "chances", self.start_ns, self.telescope.module)
        times = _arrivals(draw, self.start_ns, self.duration_s, self.chance_hz)
        count = len(times)
        return pd.DataFrame(
            {
                "time_ns": times,
                "detector": self.telescope.module,
                "shower": -1,
                "size": _FLASH_PE + draw.exponential(4.0, count),
                "y": draw.integers(0, SIDE, count).astype(float),
                "x": draw.integers(0, SIDE, count).astype(float),
                "length": 0.25,
                "width": 0.25,
                "psi": 0.0,
            }
        )


def shower_images(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Expected photo-electrons of elongated Gaussians, dims (event, y, x), at the centres of the pixels."""
    size, y, x, length, width, psi = (
        rows[k].to_numpy()[:, None, None] for k in ("size", "y", "x", "length", "width", "psi")
    )
    dy, dx = _GRID[None, :, None] - y, _GRID[None, None, :] - x
    along = dx * np.cos(psi) + dy * np.sin(psi)
    across = dy * np.cos(psi) - dx * np.sin(psi)
    shape = np.exp(-0.5 * ((along / length) ** 2 + (across / width) ** 2))
    return np.asarray(size * shape / np.maximum(shape.sum(axis=(1, 2), keepdims=True), 1e-300))


def simulate_events(events: Events) -> tuple[xr.Dataset, pd.DataFrame]:
    """Events in memory: the L0 dataset that their files would give, and their truth (dropped ones too)."""
    cells = list(events.cells())
    images = np.concatenate([c.images for c in cells])
    headers = {k: np.concatenate([c.headers[k] for c in cells]) for k in cells[0].headers}
    source = {"seqno": np.zeros(len(images), np.int64), "frame_in_file": np.arange(len(images))}
    status = ClockStatus.UNSYNCHRONISED if events.faults.lost_clock else ClockStatus.WR_LOCKED
    form = FrameFormat(PRODUCTS["ph1024"])
    dataset = form.assemble({**headers, **source}, images, MODULE_PADDED, status)
    return dataset.assign_attrs(module_id=events.telescope.module), events.table


def _arrivals(draw: np.random.Generator, start_ns: int, duration_s: float, rate_hz: float) -> NDArray[np.int64]:
    count = int(draw.poisson(duration_s * rate_hz))
    return start_ns + np.sort(draw.integers(0, round(duration_s * NS), count))
