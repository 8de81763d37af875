"""What pages ask about calibrations; reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hven.calibration.declared import Calibration, load_calibrations
from hven.model.collection import Certification, owner_of
from hven.model.instrument import Instrument
from hven.registry.protocol import Registry

_CANDIDATES = "candidates"


@dataclass(frozen=True, slots=True)
class Standing:
    """A declared calibration of the observatory and what is certified of it; `certified` may be empty."""

    name: str
    calibration: Calibration
    certified: tuple[Certification, ...]


def standing(registry: Registry, instruments: Iterable[Instrument]) -> list[Standing]:
    """Every declared calibration with all its validities, as far as the registry's viewer may see them."""
    found = [one for one in registry.certifications() if counts(one)]
    return [
        Standing(f"{i.name}/{name}", calibration, tuple(c for c in found if c.dataset_type == calibration.type))
        for i in instruments
        for name, calibration in load_calibrations(i).items()
    ]


def changes(registry: Registry, limit: int) -> Sequence[Certification]:
    """Newest entries of the observatory's books, those of comparisons left out."""
    return [one for one in reversed(registry.certifications(history=True)) if counts(one)][:limit]


def counts(one: Certification) -> bool:
    """Whether an entry is about the observatory's own calibrations, and not about a comparison of candidates."""
    return not owner_of(one.collection) and _CANDIDATES not in one.collection.split("/")
