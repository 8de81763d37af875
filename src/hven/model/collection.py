"""Collections, the named groups of products."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CollectionKind(StrEnum):
    """RUN: a dataset is born in exactly one. TAGGED: picked. CHAINED: ordered search. CALIBRATION: valid in time."""

    RUN = "RUN"
    TAGGED = "TAGGED"
    CHAINED = "CHAINED"
    CALIBRATION = "CALIBRATION"


class AccessClass(StrEnum):
    """Who may read a collection."""

    PUBLIC = "public"
    COLLABORATION = "collaboration"
    OPERATORS = "operators"


@dataclass(frozen=True, slots=True)
class Collection:
    """A named group of products; `children` of a chain in search order."""

    name: str
    kind: CollectionKind
    access: AccessClass = AccessClass.COLLABORATION
    doc: str = ""
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validity:
    """A calibration product valid for data taken in `[begin_ns, end_ns)`."""

    product_id: str
    begin_ns: int
    end_ns: int
