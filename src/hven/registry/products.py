"""Products in the registry: registering and looking up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from hven.core.errors import ConflictError, DatasetNotFoundError
from hven.model.access import UNCLASSED, Viewer
from hven.model.collection import CollectionKind, owner_of
from hven.model.data_id import KEYS, DatasetRef, TypeName
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.registry.bulk import insert_rows, upsert_rows
from hven.registry.rows import product_of, product_row
from hven.registry.schema import collection, expired, member, product, product_input
from hven.registry.visible import visible
from hven.registry.where import PRODUCT_NAMES, Name, condition

_AT_ONCE = 1000

THERE = product.c.id.not_in(sa.select(expired.c.product_id))
"""Condition that a product has not expired: one that has is read by its id, and found no more."""

_TAGGED_ONE = (
    sa.select(product)
    .join(member, member.c.product_id == product.c.id)
    .where(
        member.c.collection == sa.bindparam("collection"),
        member.c.type == sa.bindparam("type"),
        member.c.level == sa.bindparam("level"),
        member.c.data_key == sa.bindparam("data_key"),
        THERE,
    )
)
_RUN_ONE = (
    sa.select(product)
    .where(
        product.c.run == sa.bindparam("collection"),
        product.c.type == sa.bindparam("type"),
        product.c.level == sa.bindparam("level"),
        product.c.data_key == sa.bindparam("data_key"),
        THERE,
    )
    .order_by(product.c.id.desc())
    .limit(1)
)
_ORDER = (*(product.c[key].asc().nulls_first() for key in KEYS), product.c.level, product.c.type, product.c.id)


def register(
    connection: Connection, products: Sequence[Product], inputs: Mapping[str, Sequence[str]], *, chosen: bool = True
) -> int:
    """Add products that are not there yet and, if they are chosen, tag them in their defaults; the number of them."""
    new = add(connection, products, inputs)
    for name, tagged in by_defaults(new if chosen else ()).items():
        add_collections(connection, [name], CollectionKind.TAGGED)
        put(connection, name, tagged)
    return len(new)


def add(connection: Connection, products: Sequence[Product], inputs: Mapping[str, Sequence[str]]) -> list[Product]:
    """Add products that are not there yet; these."""
    new = {p.id: p for p in products}
    for ids in batched(list(new), _AT_ONCE):
        for known in connection.scalars(sa.select(product.c.id).where(product.c.id.in_(ids))):
            del new[known]
    if not new:
        return []
    add_collections(connection, {p.run for p in new.values()}, CollectionKind.RUN)
    try:
        insert_rows(connection, product, map(product_row, new.values()))
    except IntegrityError as error:
        raise ConflictError(
            f"another product of the same run has the same quantum key and output: {error.orig}",
            hint="Tag the product that is there instead of making it again.",
        ) from error
    links = ({"product_id": i, "input_id": j} for i in new for j in dict.fromkeys(inputs.get(i, ())))
    insert_rows(connection, product_input, links)
    return list(new.values())


def refresh(connection: Connection, one: Product) -> None:
    """Put a product's record right after it was made again; ConflictError when it is not the same product."""
    same = ("ref", "run", "path", "digest", "quantum_key", "output", "created_ns")
    known = get(connection, one.id)
    if different := [name for name in same if getattr(known, name) != getattr(one, name)]:
        raise ConflictError(f"product {one.id} was made again with another {', '.join(different)}")
    connection.execute(sa.update(product).where(product.c.id == one.id).values(product_row(one)))


def by_defaults(products: Iterable[Product]) -> dict[str, list[Product]]:
    """Products by the collection in which `find` and `open` look by default; what users saved is in none."""
    found: dict[str, list[Product]] = {}
    for one_of in products:
        if not owner_of(one_of.run):
            found.setdefault(defaults(one_of.ref), []).append(one_of)
    return found


def defaults(ref: DatasetRef) -> str:
    """Collection that is searched for a dataset by default."""
    return f"{ref.data_id.get('instrument', ref.type.instrument)}/defaults"


def add_collections(connection: Connection, names: Iterable[str], kind: CollectionKind) -> None:
    """Make the collections that do not exist; ConflictError for one of another kind."""
    known = {row.name: row.kind for row in connection.execute(sa.select(collection.c.name, collection.c.kind))}
    missing = [name for name in sorted(names) if name not in known]
    for name in names:
        if known.get(name, kind) != kind:
            raise ConflictError(f"collection {name} is {known[name]}, not {kind}")
    if missing:
        common = {"kind": str(kind), "access": str(UNCLASSED), "doc": ""}
        connection.execute(sa.insert(collection), [{"name": name, **common} for name in missing])


def put(connection: Connection, name: str, products: Iterable[Product]) -> None:
    """Put products into a TAGGED collection; the last of the same type and data ID stays."""
    last = {p.ref: p.id for p in products}
    rows = ({"collection": name, **_place(ref), "product_id": product_id} for ref, product_id in last.items())
    upsert_rows(connection, member, rows)


def get(connection: Connection, product_id: str, viewer: Viewer | None = None) -> Product:
    """Product by id, if the viewer may see it."""
    seen = visible(viewer, product.c.run)
    row = connection.execute(sa.select(product).where(product.c.id == product_id, seen)).one_or_none()
    if row is None:
        raise DatasetNotFoundError(f"no product {product_id}", hint="`hven find` lists products with their ids.")
    return product_of(row)


def get_many(connection: Connection, ids: Sequence[str], viewer: Viewer | None = None) -> list[Product]:
    """Products by id, in the order of the ids; all must be visible to the viewer."""
    found: dict[str, Product] = {}
    for some in batched(dict.fromkeys(ids), _AT_ONCE):
        rows = connection.execute(sa.select(product).where(product.c.id.in_(some), visible(viewer, product.c.run)))
        found |= {row.id: product_of(row) for row in rows}
    missing = [i for i in ids if i not in found]
    if missing:
        raise DatasetNotFoundError(
            f"no product {', '.join(missing)}", hint="`hven find` lists products with their ids."
        )
    return [found[i] for i in ids]


def must_be_there(connection: Connection, ids: Sequence[str]) -> None:
    """Raise ConflictError for products that have expired."""
    for some in batched(ids, _AT_ONCE):
        gone = connection.scalar(sa.select(expired.c.product_id).where(expired.c.product_id.in_(some)).limit(1))
        if gone is not None:
            raise ConflictError(
                f"product {gone} has expired", hint=f"`hven retention restore {gone}` brings it back and holds it."
            )


def one(connection: Connection, ref: DatasetRef, name: str, kind: CollectionKind) -> Product | None:
    """Product of a dataset in a RUN (the newest) or TAGGED collection."""
    statement = _RUN_ONE if kind == CollectionKind.RUN else _TAGGED_ONE
    row = connection.execute(statement, {"collection": name, **_place(ref)}).first()
    return None if row is None else product_of(row)


def find(
    connection: Connection,
    type_name: TypeName | None,
    query: DataQuery,
    among: sa.ColumnElement[bool],
    limit: int | None,
) -> Iterator[Product]:
    """Products `among` those of collections, in order of data ID."""
    statement = sa.select(product).where(among, THERE, *fits(query, PRODUCT_NAMES))
    if type_name is not None:
        statement = statement.where(product.c.type == type_name.name, product.c.level == str(type_name.level))
    for row in connection.execute(statement.order_by(*_ORDER).limit(limit)):
        yield product_of(row)


def fits(query: DataQuery, names: Mapping[str, Name]) -> list[sa.ColumnElement[bool]]:
    """Compile a query's values and condition."""
    return [
        *(names[key].column.in_(allowed) for key, allowed in query.values.items()),
        condition(query.where, names),
    ]


def by_quantum(
    connection: Connection, keys: Sequence[str], owner: str, viewer: Viewer | None = None
) -> dict[tuple[str, str], Product]:
    """Products by quantum key and output: the observatory's newest, else the newest of `owner`."""
    found: dict[tuple[str, str], Product] = {}
    own: dict[tuple[str, str], Product] = {}
    for some in batched(dict.fromkeys(keys), _AT_ONCE):
        wanted = product.c.quantum_key.in_(some) & THERE & visible(viewer, product.c.run)
        statement = sa.select(product).where(wanted).order_by(product.c.id)
        for row in connection.execute(statement):
            whose = owner_of(row.run)
            if whose in {"", owner}:
                (own if whose else found)[row.quantum_key, row.output] = product_of(row)
    return own | found


def inputs_of(connection: Connection, product_id: str) -> list[str]:
    """Ids of what a product was made from, sorted."""
    statement = sa.select(product_input.c.input_id).where(product_input.c.product_id == product_id)
    return sorted(connection.scalars(statement))


def outputs_of(connection: Connection, product_id: str) -> list[str]:
    """Ids of what was made from a product, sorted."""
    statement = sa.select(product_input.c.product_id).where(product_input.c.input_id == product_id)
    return sorted(connection.scalars(statement))


def among(connection: Connection, ids: Sequence[str], viewer: Viewer | None) -> list[str]:
    """Those of some ids that are products which a viewer may see, in their order."""
    found: set[str] = set()
    for some in batched(dict.fromkeys(ids), _AT_ONCE):
        seen = product.c.id.in_(some) & visible(viewer, product.c.run)
        found |= set(connection.scalars(sa.select(product.c.id).where(seen)))
    return [product_id for product_id in ids if product_id in found]


def _place(ref: DatasetRef) -> dict[str, str]:
    return {"type": ref.type.name, "level": str(ref.type.level), "data_key": str(ref.data_id)}
