"""The formats, loaded at their first use: naming the instrument needs neither numba nor xarray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from hven.instruments.panoseti.products import PRODUCTS
from hven.model.instrument import Format

HOUSEKEEPING = "panoseti.housekeeping"


class _Formats(Mapping[str, Format]):
    def __getitem__(self, name: str) -> Format:
        return _formats()[name]

    def __iter__(self) -> Iterator[str]:
        yield from (f"panoseti.{name}" for name in PRODUCTS)
        yield HOUSEKEEPING

    def __len__(self) -> int:
        return len(PRODUCTS) + 1


@cache
def _formats() -> Mapping[str, Format]:
    from hven.instruments.panoseti.frames import FrameFormat
    from hven.instruments.panoseti.housekeeping import HousekeepingFormat

    frames = {f"panoseti.{name}": FrameFormat(product) for name, product in PRODUCTS.items()}
    return MappingProxyType({**frames, HOUSEKEEPING: HousekeepingFormat()})


FORMATS: Mapping[str, Format] = _Formats()
"""Format of each L0 dataset type."""
