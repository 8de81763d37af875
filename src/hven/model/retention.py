"""What people and rules say about how long products are kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's word that a product (by id), or all that is in a collection (by name), must not go."""

    target: str
    who: str
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Expired:
    """A product that is found no more, and will go: by which rule, and since when."""

    product_id: str
    rule: str
    at_ns: int
