"""Collections in the registry."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConfigurationError, ConflictError, UnknownNameError
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind, owner_of
from hven.registry.schema import chain, collection, member, product, share, validity
from hven.registry.visible import visible


def all_of(connection: Connection, viewer: Viewer | None = None) -> list[Collection]:
    """All collections that a viewer may see, by name; without a viewer all."""
    children: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(share).order_by(share.c.collection, share.c.with_group)):
        groups.setdefault(row.collection, []).append(row.with_group)
    seen = visible(viewer, chain.c.child)
    for row in connection.execute(sa.select(chain).where(seen).order_by(chain.c.name, chain.c.position)):
        children.setdefault(row.name, []).append(row.child)
    return [
        Collection(
            row.name,
            CollectionKind(row.kind),
            AccessClass(row.access),
            row.doc,
            tuple(children.get(row.name, ())),
            tuple(groups.get(row.name, ())),
        )
        for row in connection.execute(
            sa.select(collection).where(visible(viewer, collection.c.name)).order_by(collection.c.name)
        )
    ]


def kind_of(connection: Connection, name: str, viewer: Viewer | None = None) -> CollectionKind:
    """Kind of a collection; UnknownNameError lists those that exist for the viewer."""
    seen = visible(viewer, collection.c.name)
    kind = connection.scalar(sa.select(collection.c.kind).where(collection.c.name == name, seen))
    if kind is None:
        raise UnknownNameError("collection", name, connection.scalars(sa.select(collection.c.name).where(seen)))
    return CollectionKind(kind)


def check(connection: Connection, new: Collection, viewer: Viewer | None = None) -> None:
    """Raise ConflictError or ConfigurationError where a viewer cannot define a collection so."""
    known = {c.name: c for c in all_of(connection)}
    seen = {c.name for c in all_of(connection, viewer)}
    if new.name in known and known[new.name].kind != new.kind:
        raise ConflictError(f"collection {new.name} is {known[new.name].kind}, not {new.kind}")
    if new.children and new.kind != CollectionKind.CHAINED:
        raise ConfigurationError(f"collection {new.name} is {new.kind} and has no children; only CHAINED ones do")
    for child in new.children:
        if child not in seen and child != new.name:
            raise UnknownNameError("collection", child, seen)
        if new.name in _below(child, known) | {child}:
            raise ConflictError(f"collection {new.name} would contain itself through {child}")


def _below(name: str, known: dict[str, Collection]) -> set[str]:
    found: set[str] = set()
    for child in known[name].children if name in known else ():
        found |= {child} | _below(child, known)
    return found


def define(connection: Connection, new: Collection) -> None:
    """Make a collection or change what may change."""
    values = {"access": str(new.access), "doc": new.doc}
    changed = connection.execute(sa.update(collection).where(collection.c.name == new.name).values(values))
    if not changed.rowcount:
        connection.execute(sa.insert(collection).values(name=new.name, kind=str(new.kind), **values))
    connection.execute(sa.delete(chain).where(chain.c.name == new.name))
    rows = [{"name": new.name, "position": i, "child": child} for i, child in enumerate(new.children)]
    if rows:
        connection.execute(sa.insert(chain), rows)


def check_share(connection: Connection, name: str, viewer: Viewer | None = None) -> None:
    """Raise ConfigurationError for anything but a run of somebody's own: only these are shared with groups."""
    if kind_of(connection, name, viewer) != CollectionKind.RUN or not owner_of(name):
        raise ConfigurationError(
            f"{name} is no run of somebody's own", hint="Only runs, in which products are born, are shared with groups."
        )


def share_with(connection: Connection, name: str, group: str) -> None:
    """Let a group see a run; again is no error."""
    unshare(connection, name, group)
    connection.execute(sa.insert(share).values(collection=name, with_group=group))


def unshare(connection: Connection, name: str, group: str) -> None:
    """Let a group see a run no longer."""
    connection.execute(sa.delete(share).where(share.c.collection == name, share.c.with_group == group))


def leaves(connection: Connection, name: str, viewer: Viewer | None = None) -> list[tuple[str, CollectionKind]]:
    """Collections to search for a name, in order: itself, or what a chain leads the viewer to, each once."""
    kind = kind_of(connection, name, viewer)
    if kind != CollectionKind.CHAINED:
        return [(name, kind)]
    below = sa.select(chain.c.child).where(chain.c.name == name, visible(viewer, chain.c.child))
    children: Sequence[str] = connection.scalars(below.order_by(chain.c.position)).all()
    return list(dict.fromkeys(leaf for child in children for leaf in leaves(connection, child, viewer)))


def holds(names: Sequence[str], kind: CollectionKind) -> sa.ColumnElement[bool]:
    """Condition that a product is in one of some collections of a kind; they are no chains."""
    if kind == CollectionKind.RUN:
        return product.c.run.in_(names)
    table = member if kind == CollectionKind.TAGGED else validity
    return sa.exists().where(table.c.product_id == product.c.id, table.c.collection.in_(names))


def default_names(connection: Connection, instruments: Sequence[str]) -> list[str]:
    """Collections searched when none is named: the defaults of these instruments, of all if none is given."""
    wanted = collection.c.name.like("%/defaults") & (collection.c.kind == str(CollectionKind.TAGGED))
    names = connection.scalars(sa.select(collection.c.name).where(wanted).order_by(collection.c.name))
    return [name for name in names if not instruments or name.removesuffix("/defaults") in instruments]
