"""Validity of calibrations in the registry."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.clock import format_utc
from hven.core.errors import AmbiguousNameError, CalibrationMissingError, ConfigurationError, ConflictError
from hven.model.access import Viewer
from hven.model.collection import CollectionKind, Validity
from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.registry import collections, products
from hven.registry.rows import product_of, scope
from hven.registry.schema import collection, product, validity
from hven.registry.visible import visible


def check(connection: Connection, name: str, new: Validity, viewer: Viewer | None = None) -> Product:
    """Raise ConflictError where a validity overlaps another of the same type and scope; else the product."""
    calibration = products.get(connection, new.product_id, viewer)
    if new.begin_ns >= new.end_ns:
        raise ConfigurationError(
            f"{_span(new.begin_ns, new.end_ns)} is empty", hint="A validity is [begin, end) with begin before end."
        )
    statement = _for(calibration.ref, name).where(validity.c.begin_ns < new.end_ns, validity.c.end_ns > new.begin_ns)
    other = connection.execute(statement.order_by(validity.c.begin_ns)).first()
    if other is not None:
        raise ConflictError(
            f"{name} already holds {other.product_id} for {_span(other.begin_ns, other.end_ns)}, which overlaps "
            f"{_span(new.begin_ns, new.end_ns)}",
            hint="Choose a validity that begins where the other ends, or another collection.",
        )
    return calibration


def certify(connection: Connection, name: str, new: Validity, ref: DatasetRef) -> None:
    """Add a validity that has been checked."""
    products.add_collections(connection, [name], CollectionKind.CALIBRATION)
    connection.execute(
        sa.insert(validity).values(
            collection=name,
            type=ref.type.name,
            level=str(ref.type.level),
            scope=scope(ref),
            begin_ns=new.begin_ns,
            end_ns=new.end_ns,
            product_id=new.product_id,
        )
    )


def lookup(connection: Connection, ref: DatasetRef, time_ns: int, name: str, viewer: Viewer | None = None) -> Product:
    """Calibration valid at a time; without a collection all of `<instrument>/calib/...` are looked at."""
    for names in _search(connection, ref, name, viewer):
        found = _valid(connection, ref, time_ns, names, viewer)
        if len({p.id for _, p in found}) > 1:
            listed = ", ".join(f"{p.id} in {c}" for c, p in found)
            raise AmbiguousNameError(
                f"several calibrations {ref} are valid at {format_utc(time_ns)}: {listed}",
                hint="Name the collection, or a chain of them.",
            )
        if found:
            return found[0][1]
    raise CalibrationMissingError(
        f"no calibration {ref} is valid at {format_utc(time_ns)} in {name or _instrument(ref) + '/calib/...'}",
        hint="Make one and certify it with `hven calib certify`.",
    )


def _search(connection: Connection, ref: DatasetRef, name: str, viewer: Viewer | None) -> list[list[str]]:
    if name:
        leaves = collections.leaves(connection, name, viewer)
        return [[leaf] for leaf, kind in leaves if kind == CollectionKind.CALIBRATION]
    below = collection.c.name.startswith(f"{_instrument(ref)}/calib", autoescape=True)
    wanted = below & (collection.c.kind == str(CollectionKind.CALIBRATION)) & visible(viewer, collection.c.name)
    return [list(connection.scalars(sa.select(collection.c.name).where(wanted).order_by(collection.c.name)))]


def _valid(
    connection: Connection, ref: DatasetRef, time_ns: int, names: list[str], viewer: Viewer | None
) -> list[tuple[str, Product]]:
    among = _for(ref, *names).where(validity.c.begin_ns <= time_ns, validity.c.end_ns > time_ns).subquery()
    there = sa.select(product, among.c.collection).join(among, among.c.product_id == product.c.id)
    rows = connection.execute(there.where(visible(viewer, product.c.run)))
    return [(row.collection, product_of(row)) for row in rows]


def _for(ref: DatasetRef, *names: str) -> sa.Select[tuple[str, str, int, int]]:
    return sa.select(validity.c.collection, validity.c.product_id, validity.c.begin_ns, validity.c.end_ns).where(
        validity.c.collection.in_(names),
        validity.c.type == ref.type.name,
        validity.c.level == str(ref.type.level),
        validity.c.scope == scope(ref),
    )


def _instrument(ref: DatasetRef) -> str:
    return str(ref.data_id.get("instrument", ref.type.instrument))


def _span(begin_ns: int, end_ns: int) -> str:
    return f"[{format_utc(begin_ns)}, {format_utc(end_ns)})"
