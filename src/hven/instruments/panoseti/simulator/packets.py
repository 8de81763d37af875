"""Packet headers: packet numbers, the quabos' clocks and the host's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS, TAI_MINUS_UTC_S
from hven.instruments.panoseti.clock import TAI_BITS
from hven.instruments.panoseti.products import QUABOS
from hven.instruments.panoseti.simulator.faults import MISSING_QUABO, Faults
from hven.instruments.panoseti.simulator.seeds import random

CELL = 1000
"""Frames drawn with one generator; blocks of any other length give the same bits."""

_PACKET_NUMBERS = 65536
_HOST_LAG_NS = 1_400_000
_HOST_JITTER_NS = 30_000
_SPREADS_NS = np.array([0, 4, 8, 12])

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets of one telescope in one run.

    `purpose` keeps the random numbers of one stream apart from those of another; `frames` counts dropped ones too.
    """

    seed: int
    purpose: str
    module: int
    frames: int
    faults: Faults

    def random(self, what: str, cell: int) -> np.random.Generator:
        """Generator for one cell."""
        return random(self.seed, self.purpose, self.module, what, cell)

    def missing(self, number: Integers) -> NDArray[np.bool_]:
        """Frames for which `MISSING_QUABO` is silent, by frame number."""
        begin, length = self._silence
        return (number >= begin) & (number < begin + length)

    def kept(self, cell: int, number: Integers) -> NDArray[np.bool_]:
        """Frames of a cell that the network did not lose; the first and the last of a run always arrive."""
        lost = self.random("dropped", cell).random(len(number)) < self.faults.dropped_packets
        kept: NDArray[np.bool_] = ~lost | (number == 0) | (number == self.frames - 1)
        return kept

    def headers(
        self, cell: int, number: Integers, times: Integers, sent: Integers | None = None
    ) -> dict[str, Integers]:
        """Headers of the packets of a cell by L0 variable name, dims (frame, quabo).

        `times` are true UTC ns, `sent` the packets that each quabo sent before; else it sent one for each frame.
        """
        draw = self.random("packets", cell)
        spread = draw.choice(_SPREADS_NS, (len(times), QUABOS))
        host = times[:, None] + _HOST_LAG_NS + draw.exponential(_HOST_JITTER_NS, spread.shape).astype(np.int64)
        quabo = times[:, None] + spread
        if self.faults.lost_clock:
            quabo = draw.integers(0, TAI_BITS * NS, (len(times), 1)) + spread
        headers = {
            "pkt_num": self._packet_numbers(number, sent),
            "pkt_tai": (quabo // NS + TAI_MINUS_UTC_S) % TAI_BITS,
            "pkt_nsec": quabo % NS,
            "tv_sec": host // NS,
            "tv_usec": host % NS // 1000,
        }
        for values in headers.values():
            values[self.missing(number), MISSING_QUABO] = 0
        return headers

    @property
    def _silence(self) -> tuple[int, int]:
        return self.frames // 2, round(self.faults.missing_quabo * self.frames)

    def _packet_numbers(self, number: Integers, sent: Integers | None) -> Integers:
        begin, length = self._silence
        first = random(self.seed, self.purpose, self.module, "first packet").integers(0, _PACKET_NUMBERS, QUABOS)
        if sent is not None:
            return (first + sent) % _PACKET_NUMBERS
        counted = number[:, None] + first
        counted[:, MISSING_QUABO] -= np.clip(number - begin, 0, length)
        return counted % _PACKET_NUMBERS


def cells(frames: int) -> range:
    """Numbers of the cells of a run."""
    return range(-(-frames // CELL))


def numbers(cell: int, frames: int) -> Integers:
    """Numbers of the frames of a cell."""
    return np.arange(cell * CELL, min(frames, (cell + 1) * CELL))


def darken(images: NDArray[np.generic], missing: NDArray[np.bool_]) -> None:
    """Put zeros where `MISSING_QUABO`, the lower right quadrant, is silent."""
    half = images.shape[-1] // 2
    images[missing, half:, half:] = 0
