"""Somebody's own products in the registry: which there are, which must stay, and how they are forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConflictError
from hven.model.access import Viewer
from hven.model.collection import home_of, owner_of
from hven.model.product import Product
from hven.registry.rows import product_of
from hven.registry.schema import expired, member, product, product_input, validity
from hven.registry.visible import begins, visible

_AT_ONCE = 1000


def owned(connection: Connection, owner: str, viewer: Viewer | None = None) -> list[Product]:
    """Products born in somebody's own runs, oldest first."""
    statement = sa.select(product).where(_of(owner), visible(viewer, product.c.run)).order_by(product.c.id)
    return [product_of(row) for row in connection.execute(statement)]


def owned_bytes(connection: Connection, owner: str) -> int:
    """Bytes of the products born in somebody's own runs."""
    return int(connection.scalar(sa.select(sa.func.sum(product.c.size_bytes)).where(_of(owner))) or 0)


def protected(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Why products must stay, by id: the reason names no more of what is others' than that it is there."""
    found: dict[str, str] = {}
    for some in batched(dict.fromkeys(ids), _AT_ONCE):
        rows = connection.execute(sa.select(product.c.id, product.c.run).where(product.c.id.in_(some)))
        owners = {row.id: owner_of(row.run) for row in rows}
        for product_id, user, reason in _uses(connection, list(owners)):
            if not owners[product_id]:
                found[product_id] = "it is the observatory's"
            elif user != owners[product_id]:
                found.setdefault(product_id, reason)
        found |= {i: "it is the observatory's" for i, owner in owners.items() if not owner}
    return found


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """Forget products, and where they were tagged and certified; raises ConflictError when one is protected."""
    for product_id, reason in protected(connection, ids).items():
        raise ConflictError(f"product {product_id} must stay: {reason}", hint="Nothing was removed from the registry.")
    forget(connection, ids)


def forget(connection: Connection, ids: Sequence[str]) -> None:
    """Forget products without asking."""
    for some in batched(dict.fromkeys(ids), _AT_ONCE):
        for table in (member, validity, product_input, expired):
            connection.execute(sa.delete(table).where(table.c.product_id.in_(some)))
        connection.execute(sa.delete(product).where(product.c.id.in_(some)))


def _uses(connection: Connection, ids: list[str]) -> Iterator[tuple[str, str, str]]:
    """Product, who uses it, and how."""
    made = sa.select(product_input.c.input_id, product.c.run).join(product, product.c.id == product_input.c.product_id)
    for row in connection.execute(made.where(product_input.c.input_id.in_(ids))):
        yield row.input_id, owner_of(row.run), "another product, which is not yours, was made from it"
    for table, how in ((member, "holds it"), (validity, "has it certified")):
        rows = connection.execute(sa.select(table.c.product_id, table.c.collection).where(table.c.product_id.in_(ids)))
        for row in rows:
            yield row.product_id, owner_of(row.collection), f"a collection that is not yours {how}"


def _of(owner: str) -> sa.ColumnElement[bool]:
    return begins(product.c.run, f"{home_of(owner)}/") if owner else sa.false()
