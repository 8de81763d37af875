"""Image mode: frames of counted photo-electrons of night sky, stars and optical pulses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.instruments.panoseti.clock import ClockStatus
from hven.instruments.panoseti.frames import FrameFormat
from hven.instruments.panoseti.layouts import MODULE_PADDED
from hven.instruments.panoseti.products import PRODUCTS, DataProduct
from hven.instruments.panoseti.simulator import packets
from hven.instruments.panoseti.simulator.camera import SKY_COUNTS_PER_S, camera, transparency
from hven.instruments.panoseti.simulator.faults import NO_FAULTS, Faults
from hven.instruments.panoseti.simulator.poisson import draw_counts
from hven.instruments.panoseti.simulator.seeds import random
from hven.instruments.panoseti.simulator.site import Telescope
from hven.instruments.panoseti.simulator.stars import SIDE, pixel_of, starlight
from hven.sky.pointing import unproject

_LARGEST_OFFSET_DEG = 3.5


@dataclass(frozen=True, slots=True)
class Pulse:
    """A flash of light at a place in the sky.

    Parameters
    ----------
    time_ns
        Begin, UTC.
    azimuth, elevation
        Where, degrees.
    sigma
        Expected counts in units of the pixel's noise over the pulse's length.
    frames
        Length in frames, over which the light is even.
    """

    time_ns: int
    azimuth: float
    elevation: float
    sigma: float
    frames: int


@dataclass(frozen=True)
class Cell:
    """Some frames as written: true times (UTC ns), headers (frame, quabo) and images (frame, y, x)."""

    times: NDArray[np.int64]
    headers: dict[str, NDArray[np.int64]]
    images: NDArray[np.generic]


@dataclass(frozen=True)
class Movie:
    """Frames of one telescope in one run.

    Parameters
    ----------
    telescope
        Which, and where it looks.
    start_ns, rate_hz, frames
        Time of the first frame (UTC), frame rate and number of frames before any is lost.
    seed
        Of all random numbers.
    product
        ``img16`` or ``img8``.
    pulses
        Flashes in the sky.
    faults
        What goes wrong.
    stars
        Whether there are any: they drift through the field and so make the expectation depend on time.
    """

    telescope: Telescope
    start_ns: int
    rate_hz: float
    frames: int
    seed: int = 1
    product: str = "img16"
    pulses: Sequence[Pulse] = ()
    faults: Faults = NO_FAULTS
    stars: bool = True

    @property
    def period_ns(self) -> int:
        """Time from frame to frame."""
        return round(NS / self.rate_hz)

    @cached_property
    def stream(self) -> packets.Stream:
        """The movie's packets."""
        return packets.Stream(
            self.seed, f"{self.product} {self.start_ns}", self.telescope.module, self.frames, self.faults
        )

    def cells(self) -> Iterator[Cell]:
        """All frames, some at a time."""
        for cell in packets.cells(self.frames):
            yield self._cell(cell)

    def expectation(self, cell: int) -> NDArray[np.float64]:
        """Expected counts per frame without pulses, dims (y, x); the variance is the same."""
        middle = (cell + 0.5) * packets.CELL
        time_ns = self.start_ns + round(min(middle, self.frames / 2) * self.period_ns)
        stars = starlight(self.telescope, time_ns) if self.stars else 0.0
        light = (SKY_COUNTS_PER_S + stars) * transparency(self.faults, min(middle / self.frames, 1.0))
        return np.asarray(self._efficiency * light * self.period_ns / NS)

    def pulse_table(self) -> list[dict[str, float]]:
        """Truth of each pulse here: time, pixel, first frame, length in frames, expected counts and sigma."""
        rows: list[dict[str, float]] = []
        for number, pulse in enumerate(self.pulses):
            y, x = pixel_of(self.telescope, np.asarray(pulse.azimuth), np.asarray(pulse.elevation))
            frame = (pulse.time_ns - self.start_ns) // self.period_ns
            pixel = (round(float(y)), round(float(x)))
            if not (0 <= frame < self.frames and min(pixel) >= 0 and max(pixel) < SIDE):
                continue
            level = self.expectation(frame // packets.CELL)[pixel]
            rows.append(
                {
                    "pulse": number,
                    "time_ns": self.start_ns + frame * self.period_ns,
                    "detector": self.telescope.module,
                    "frame": frame,
                    "frames": pulse.frames,
                    "y": pixel[0],
                    "x": pixel[1],
                    "sigma": pulse.sigma,
                    "amplitude": float(pulse.sigma * np.sqrt(level * pulse.frames)),
                }
            )
        return rows

    @cached_property
    def _efficiency(self) -> NDArray[np.float64]:
        return camera(self.seed, self.telescope.module, self.faults).efficiency

    @cached_property
    def _pulses(self) -> list[dict[str, float]]:
        return self.pulse_table()

    def _cell(self, cell: int) -> Cell:
        number = packets.numbers(cell, self.frames)
        counts = draw_counts(self.stream.random("light", cell), self.expectation(cell), len(number))
        self._add_pulses(counts, int(number[0]))
        dtype = np.dtype(_product(self.product).dtype)
        images = np.minimum(counts, np.iinfo(dtype).max, out=counts).astype(dtype)
        packets.darken(images, self.stream.missing(number))
        times = self.start_ns + number * self.period_ns
        headers = self.stream.headers(cell, number, times)
        if not self.faults.dropped_packets:
            return Cell(times, headers, images)
        kept = self.stream.kept(cell, number)
        return Cell(times[kept], {k: v[kept] for k, v in headers.items()}, images[kept])

    def _add_pulses(self, counts: NDArray[np.int64], first: int) -> None:
        for row in self._pulses:
            draw = self.stream.random("pulse", int(row["pulse"]))
            light = draw.poisson(row["amplitude"] / row["frames"], int(row["frames"]))
            for frame, more in enumerate(light, int(row["frame"]) - first):
                if 0 <= frame < len(counts):
                    counts[frame, int(row["y"]), int(row["x"])] += more


@dataclass(frozen=True)
class MovieTruth:
    """Truth of a movie: expected counts and noise per frame (y, x) averaged over the run, and its pulses."""

    pedestal: NDArray[np.float64]
    noise: NDArray[np.float64]
    pulses: list[dict[str, float]]


def movie_truth(movie: Movie) -> MovieTruth:
    """Truth of a movie."""
    lengths = [len(packets.numbers(c, movie.frames)) for c in packets.cells(movie.frames)]
    mean = np.average([movie.expectation(c) for c in packets.cells(movie.frames)], axis=0, weights=lengths)
    return MovieTruth(mean, np.sqrt(mean), movie.pulse_table())


def simulate_movie(movie: Movie) -> tuple[xr.Dataset, MovieTruth]:
    """A movie in memory: the L0 dataset that its files would give, and its truth."""
    cells = list(movie.cells())
    images = np.concatenate([c.images for c in cells])
    headers = {k: np.concatenate([c.headers[k] for c in cells]) for k in cells[0].headers}
    source = {"seqno": np.zeros(len(images), np.int64), "frame_in_file": np.arange(len(images))}
    status = ClockStatus.UNSYNCHRONISED if movie.faults.lost_clock else ClockStatus.WR_LOCKED
    product = _product(movie.product)
    dataset = FrameFormat(product).assemble({**headers, **source}, images, MODULE_PADDED, status)
    attrs = {"module_id": movie.telescope.module, "integration_time_s": 1 / movie.rate_hz}
    return dataset.assign_attrs(attrs | asdict(movie.telescope.camera)), movie_truth(movie)


def random_pulses(
    telescope: Telescope, start_ns: int, duration_s: float, count: int, *, seed: int, lowest_sigma: float = 8.0
) -> tuple[Pulse, ...]:
    """Pulses evenly spread in time and at random in the field, so that neighbours do not overlap."""
    draw = random(seed, "pulses", start_ns)
    step = duration_s / (count + 1)
    begin = step * (np.arange(1, count + 1) + draw.uniform(-0.3, 0.3, count))
    place = draw.uniform(-_LARGEST_OFFSET_DEG, _LARGEST_OFFSET_DEG, (2, count))
    azimuth, elevation = unproject(place[0], place[1], telescope.centre, telescope.position_angle)
    sigma = lowest_sigma + draw.exponential(6.0, count)
    length = draw.choice([1, 2, 4], count)
    rows = zip(begin, azimuth, elevation, sigma, length, strict=True)
    return tuple(Pulse(start_ns + round(b * NS), float(a), float(e), float(s), int(n)) for b, a, e, s, n in rows)


def _product(name: str) -> DataProduct:
    return PRODUCTS[name]
