"""Holds and expired products in the registry, and what must stay."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import batched

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConflictError
from hven.model.access import Viewer
from hven.model.collection import CollectionKind
from hven.model.product import Product
from hven.model.retention import Expired, Hold
from hven.registry import collections, products
from hven.registry.bulk import insert_rows
from hven.registry.rows import product_of
from hven.registry.schema import collection, expired, member, product, product_input, validity
from hven.registry.schema import hold as hold_table
from hven.registry.visible import begins
from hven.store.paths import is_version

_AT_ONCE = 1000
_OWN = ("u/", "p/")


def check(connection: Connection, new: Hold, viewer: Viewer | None = None) -> None:
    """Raise NotFoundError or UnknownNameError where there is nothing to hold, ConflictError for a second hold."""
    if is_version(new.target):
        products.get(connection, new.target, viewer)
    else:
        collections.kind_of(connection, new.target, viewer)
    known = hold_table.c.target == new.target, hold_table.c.who == new.who
    if connection.scalar(sa.select(hold_table.c.target).where(*known)) is not None:
        raise ConflictError(f"{new.who} holds {new.target} already", hint="`hven hold list` shows all holds.")


def hold(connection: Connection, new: Hold) -> None:
    """Add a hold; a later one of the same person on the same thing replaces the former."""
    unhold(connection, new.target, new.who)
    values = {"target": new.target, "who": new.who, "reason": new.reason, "at_ns": new.at_ns}
    connection.execute(sa.insert(hold_table).values(values))


def unhold(connection: Connection, target: str, who: str) -> None:
    """Take somebody's hold away."""
    connection.execute(sa.delete(hold_table).where(hold_table.c.target == target, hold_table.c.who == who))


def holds(connection: Connection) -> list[Hold]:
    """All holds, oldest first."""
    rows = connection.execute(sa.select(hold_table).order_by(hold_table.c.at_ns, hold_table.c.target))
    return [Hold(row.target, row.who, row.reason, row.at_ns) for row in rows]


def expire(connection: Connection, some: Sequence[Expired]) -> None:
    """Let products be found no more."""
    bring_back(connection, [one.product_id for one in some])
    insert_rows(connection, expired, ({"product_id": e.product_id, "rule": e.rule, "at_ns": e.at_ns} for e in some))


def leave_defaults(connection: Connection, product_ids: Sequence[str]) -> None:
    """Let products be no longer what is opened by default."""
    defaults = sa.select(collection.c.name).where(collection.c.name.like("%/defaults"))
    for ids in batched(product_ids, _AT_ONCE):
        rows = member.c.product_id.in_(ids) & member.c.collection.in_(defaults)
        connection.execute(sa.delete(member).where(rows))


def bring_back(connection: Connection, ids: Sequence[str]) -> None:
    """Let expired products be found again."""
    for some in batched(ids, _AT_ONCE):
        connection.execute(sa.delete(expired).where(expired.c.product_id.in_(some)))


def expiries(connection: Connection) -> dict[str, Expired]:
    """What has expired and is still there, by id."""
    rows = connection.execute(sa.select(expired).order_by(expired.c.at_ns, expired.c.product_id))
    return {row.product_id: Expired(row.product_id, row.rule, row.at_ns) for row in rows}


def candidates(connection: Connection) -> Iterator[Product]:
    """The observatory's products that can be made again, oldest first: none of L0, none of people's or projects'."""
    own = sa.or_(*(begins(product.c.run, prefix) for prefix in _OWN))
    for row in connection.execute(sa.select(product).where(product.c.level != "L0", ~own).order_by(product.c.id)):
        yield product_of(row)


def links(connection: Connection) -> list[tuple[str, str]]:
    """Which product was made from which, (made, input), in order."""
    columns = product_input.c.product_id, product_input.c.input_id
    return [(made, source) for made, source in connection.execute(sa.select(*columns).order_by(*columns))]


def kept(connection: Connection, releases: Sequence[str]) -> dict[str, str]:
    """Why products must stay of themselves, by id: holds, releases, certified calibrations."""
    found: dict[str, str] = {}
    for one in holds(connection):
        reason = f"held by {one.who}: {one.reason}"
        ids = [one.target] if is_version(one.target) else _in_collection(connection, one.target)
        for product_id in ids:
            found.setdefault(product_id, reason)
    for row in connection.execute(sa.select(validity.c.product_id, validity.c.collection)):
        found.setdefault(row.product_id, f"certified in {row.collection}")
    for name in _matching(connection, releases):
        for product_id in connection.scalars(sa.select(member.c.product_id).where(member.c.collection == name)):
            found.setdefault(product_id, f"in release {name}")
    return found


def needed(
    connection: Connection, ids: Collection[str], releases: Sequence[str], *, by_expired: bool
) -> dict[str, str]:
    """Why some of these must stay now, whatever was true before: kept, or an input of something that stays.

    `by_expired` says whether also what has expired, and does not go with them, needs its inputs.
    """
    going = set(ids)
    because = {i: reason for i, reason in kept(connection, releases).items() if i in going}
    uses = _uses(connection, going, by_expired=by_expired)
    while True:
        stays = {source: made for made, source in uses if made not in going or made in because}
        fresh = {source: f"input of {made}" for source, made in stays.items() if source not in because}
        if not fresh:
            return because
        because |= fresh


def _uses(connection: Connection, going: set[str], *, by_expired: bool) -> list[tuple[str, str]]:
    """Made and input, of what was made from some products."""
    columns = product_input.c.product_id, product_input.c.input_id
    found: list[tuple[str, str]] = []
    for some in batched(sorted(going), _AT_ONCE):
        rows = connection.execute(sa.select(*columns).where(product_input.c.input_id.in_(some)))
        found += [(made, source) for made, source in rows]
    gone = set() if by_expired else expiries(connection).keys()
    return [(made, source) for made, source in found if made in going or made not in gone]


def _in_collection(connection: Connection, name: str) -> list[str]:
    """Ids of all that is in a collection; one that is not there any more holds nothing."""
    if connection.scalar(sa.select(collection.c.name).where(collection.c.name == name)) is None:
        return []
    found: list[str] = []
    for leaf, kind in collections.leaves(connection, name):
        found += connection.scalars(sa.select(product.c.id).where(collections.holds([leaf], kind)))
    return found


def _matching(connection: Connection, patterns: Sequence[str]) -> list[str]:
    tagged = sa.select(collection.c.name).where(collection.c.kind == str(CollectionKind.TAGGED))
    names = connection.scalars(tagged.order_by(collection.c.name))
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
