r"""Header layouts of PFF frames: a text with numbers at known places, ended by the image marker.

A frame is ``JSON '\n\n' '*' pixels``. Hashpipe prints the JSON from a fixed format, so its text is known byte for
byte but for the numbers. Since 2023 they are right-aligned in fixed widths and all frames of a file have one size; in
2022 they were printed bare and frame sizes differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hven.instruments.panoseti.products import QUABOS, DataProduct

_NUMBER = re.compile(r"%(\d*)u")
_KEY = re.compile(r'"(\w+)": %')
_UINT32 = 2**32 - 1
_LIMITS = {
    "acq_mode": 255,
    "mod_num": 255,
    "quabo_num": 3,
    "pkt_tai": 9999,
    "pkt_utc": 9999,
    "pkt_nsec": 999_999_999,
    "tv_sec": 2**33,
    "tv_usec": 999_999,
}


@dataclass(frozen=True)
class Layout:
    """One header layout.

    Parameters
    ----------
    name
        Kept in the L0 product as attribute `header_layout`, so that its raw bytes can be given back.
    template
        Text of the header, with ``%10u`` or ``%u`` for numbers, up to and with the image marker.
    """

    name: str
    template: str

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Key of each number, in order; the four quabos of a module repeat theirs."""
        return tuple(_KEY.findall(self.template))

    @cached_property
    def size(self) -> int:
        """Bytes with the image marker, 0 where it varies."""
        return len(self.template % ((0,) * len(self.keys))) if self.widths.all() else 0

    @cached_property
    def largest(self) -> int:
        """Bytes with the image marker when every number is as long as it may be."""
        return len(self.template % tuple(self.limits.tolist())) + int(self.widths.sum())

    @cached_property
    def literals(self) -> NDArray[np.uint8]:
        """Bytes between the numbers, joined."""
        return np.frombuffer("".join(self._pieces).encode(), np.uint8)

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Where each piece of `literals` begins, and the end of the last."""
        return np.cumsum([0, *(len(p) for p in self._pieces)], dtype=np.int64)

    @cached_property
    def widths(self) -> NDArray[np.int64]:
        """Width of each number, 0 where it is printed bare."""
        return np.array([int(w or 0) for w in _NUMBER.findall(self.template)], np.int64)

    @cached_property
    def limits(self) -> NDArray[np.int64]:
        """Largest value of each number."""
        return np.array([_LIMITS.get(k, _UINT32) for k in self.keys], np.int64)

    @property
    def program(self) -> tuple[NDArray[Any], ...]:
        """What the kernels need: literals, bounds, widths, limits."""
        return self.literals, self.bounds, self.widths, self.limits

    @cached_property
    def form(self) -> tuple[NDArray[Any], ...]:
        """What the quick kernels need where numbers stand at known places.

        Header with spaces for numbers, 255 where a byte is no number's, where each number begins, widths, limits.
        """
        lengths = np.array([len(p) for p in self._pieces], np.int64)
        starts = np.cumsum(lengths)[:-1] + np.cumsum([0, *self.widths[:-1]])
        mask = np.full(self.size, 255, np.uint8)
        for start, width in zip(starts, self.widths, strict=True):
            mask[start : start + width] = 0
        text = np.full(self.size, ord(" "), np.uint8)
        text[mask > 0] = self.literals
        return text, mask, starts, self.widths, self.limits

    @property
    def _pieces(self) -> list[str]:
        return _NUMBER.sub("\0", self.template).split("\0")


def _module(quabo: str) -> str:
    return "{\n   " + ", \n   ".join(f'"quabo_{q}": {quabo}' for q in range(QUABOS)) + "\n}\n\n*"


_TAIL: Final = '"pkt_nsec": %9u, "tv_sec": %10u, "tv_usec": %6u}'

MODULE_PADDED = Layout("padded", _module('{ "pkt_num": %10u, "pkt_tai": %4u, ' + _TAIL))
MODULE_2022 = Layout(
    "unpadded-2022",
    _module(
        '{ "acq_mode": %u, "mod_num": %u, "pkt_num": %u, "pkt_utc": %u, "pkt_nsec": %u, "tv_sec": %u, "tv_usec": %u}'
    ),
)
QUABO_PADDED = Layout("padded", '{ "quabo_num": %1u, "pkt_num": %10u, "pkt_tai": %4u, ' + _TAIL + "\n\n*")


def layouts_of(product: DataProduct) -> tuple[Layout, ...]:
    """Layouts in which frames of a data product may come, the present one first."""
    return (MODULE_PADDED, MODULE_2022) if product.whole_module else (QUABO_PADDED,)
