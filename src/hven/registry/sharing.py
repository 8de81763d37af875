"""Products that are new in a run which its owner shares: opened to the same groups before anybody can find them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hven.model.collection import owner_of
from hven.model.product import Product
from hven.registry.protocol import Registry
from hven.store.group_access import grant


def open_new(registry: Registry, root: Path, products: Iterable[Product]) -> None:
    """Open new products of somebody's own to the groups with which their run is shared."""
    own = [product for product in products if owner_of(product.run)]
    groups = {c.name: c.groups for c in registry.collections() if c.groups} if own else {}
    for product in own:
        for group in groups.get(product.run, ()):
            grant(root, product.path, group)
