"""Pulse-height mode: Cherenkov showers seen by all telescopes, and chance triggers of single ones.

In ``ph1024`` a trigger of any quabo records the whole module. In ``ph256`` each quabo records alone what triggers it:
its share of the light must reach that of a chance trigger. An event gives a frame for each of its quabos, in the
order in which the packets arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.instruments.panoseti.clock import ClockStatus
from hven.instruments.panoseti.frames import FrameFormat
from hven.instruments.panoseti.layouts import layouts_of
from hven.instruments.panoseti.products import PRODUCTS, QUABOS
from hven.instruments.panoseti.simulator import packets
from hven.instruments.panoseti.simulator.camera import camera, transparency
from hven.instruments.panoseti.simulator.faults import MISSING_QUABO, NO_FAULTS, Faults
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
    product
        ``ph1024`` or ``ph256``.
    """

    telescope: Telescope
    reference: Telescope
    start_ns: int
    duration_s: float
    shower_hz: float = 0.5
    chance_hz: float = 0.4
    seed: int = 1
    faults: Faults = NO_FAULTS
    product: str = "ph1024"

    @cached_property
    def table(self) -> pd.DataFrame:
        """Truth of each event in order of time; a shower that clouds dim below the trigger makes none.

        Columns time_ns, detector, shower (its number, -1 for a chance trigger), size (photo-electrons), y, x, length,
        width (pixels) and psi (radians, from x towards y); `quabo_0` to `quabo_3` say which quabos triggered.
        """
        both = pd.concat([self._showers(), self._chances()], ignore_index=True)
        ordered = both.sort_values("time_ns", ignore_index=True)
        triggers = triggered(ordered)
        return ordered.assign(**{f"quabo_{q}": triggers[:, q] for q in range(QUABOS)})

    @property
    def format(self) -> FrameFormat:
        """What writes the frames."""
        return FrameFormat(PRODUCTS[self.product])

    @cached_property
    def stream(self) -> packets.Stream:
        """The events' packets."""
        return packets.Stream(
            self.seed, f"{self.product} {self.start_ns}", self.telescope.module, len(self.table), self.faults
        )

    @cached_property
    def _sending(self) -> NDArray[np.bool_]:
        """Which quabos send a packet of their own, dims (event, quabo)."""
        sending = self.table[[f"quabo_{q}" for q in range(QUABOS)]].to_numpy(bool)
        sending[self.stream.missing(np.arange(len(sending))), MISSING_QUABO] = False
        return sending

    @cached_property
    def _sent(self) -> NDArray[np.int64]:
        """Packets that each quabo sent before each event."""
        return np.cumsum(self._sending, axis=0) - self._sending

    def cells(self) -> Iterator[Cell]:
        """All events, some at a time."""
        for cell in packets.cells(len(self.table)):
            yield self._cell(cell)

    def _cell(self, cell: int) -> Cell:
        number = packets.numbers(cell, len(self.table))
        rows = self.table.iloc[number[0] : number[-1] + 1]
        pixels, draw = camera(self.seed, self.telescope.module, self.faults), self.stream.random("light", cell)
        light = draw.poisson(shower_images(rows))
        values = pixels.pedestal + pixels.noise * draw.standard_normal(light.shape) + pixels.gain * light
        images = np.rint(values).clip(-32768, 32767).astype(np.int16)
        times, kept = rows["time_ns"].to_numpy(), self.stream.kept(cell, number)
        if self.product == "ph256":
            headers = self.stream.headers(cell, number, times, self._sent[number])
            return _apart(times, headers, images, self._sending[number] & kept[:, None])
        packets.darken(images, self.stream.missing(number))
        headers = self.stream.headers(cell, number, times)
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
        size *= transparency(self.faults, (times - self.start_ns) / NS / self.duration_s)
        found = pd.DataFrame(
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
        return found[size >= _SMALLEST_PE]

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


def triggered(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Quabos whose share of an event's expected light is that of a chance trigger; the brightest always triggers."""
    found = np.zeros((len(rows), QUABOS), np.bool_)
    for begin in range(0, len(rows), packets.CELL):
        part = slice(begin, begin + packets.CELL)
        light = quadrants(shower_images(rows.iloc[part])).sum(axis=(2, 3))
        found[part] = (light >= _FLASH_PE) | (light == light.max(axis=1, keepdims=True))
    return found


def quadrants(images: NDArray[Any]) -> NDArray[Any]:
    """Images of the quabos, dims (event, quabo, y, x), of whole modules: upper left, upper right, lower right, left."""
    half = SIDE // 2
    upper, lower = images[:, :half], images[:, half:]
    return np.stack([upper[..., :half], upper[..., half:], lower[..., half:], lower[..., :half]], axis=1)


def _apart(
    times: NDArray[np.int64], headers: dict[str, NDArray[np.int64]], images: NDArray[Any], sent: NDArray[np.bool_]
) -> Cell:
    """One frame for each quabo that sent a packet, in order of arrival."""
    event, quabo = np.nonzero(sent)
    arrival = (headers["tv_sec"] * NS + headers["tv_usec"] * 1000)[event, quabo]
    event, quabo = (places[np.argsort(arrival, kind="stable")] for places in (event, quabo))
    single = {k: v[event, quabo] for k, v in headers.items()}
    return Cell(times[event], {"quabo": quabo, **single}, quadrants(images)[event, quabo])


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
    form = events.format
    dataset = form.assemble({**headers, **source}, images, layouts_of(form.product)[0], status)
    return dataset.assign_attrs(module_id=events.telescope.module), events.table


def _arrivals(draw: np.random.Generator, start_ns: int, duration_s: float, rate_hz: float) -> NDArray[np.int64]:
    count = int(draw.poisson(duration_s * rate_hz))
    return start_ns + np.sort(draw.integers(0, round(duration_s * NS), count))
