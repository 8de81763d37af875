"""Validity of calibrations in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.clock import format_utc
from hven.core.errors import AmbiguousNameError, CalibrationMissingError, ConfigurationError, ConflictError
from hven.model.access import Viewer
from hven.model.collection import Certification, CollectionKind, Edit, Validity
from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.registry import collections, products
from hven.registry.bulk import upsert_rows
from hven.registry.rows import product_of, scope
from hven.registry.schema import certification, collection, product, validity
from hven.registry.visible import visible


def check(connection: Connection, name: str, new: Validity, viewer: Viewer | None = None) -> Product:
    """Raise ConflictError where a validity overlaps another of the same type and scope; else the product."""
    calibration = _checked(connection, new, viewer)
    for other in overlapped(connection, name, new, calibration.ref):
        raise ConflictError(
            f"{name} already holds {other.product_id} for {_span(other.begin_ns, other.end_ns)}, which overlaps "
            f"{_span(new.begin_ns, new.end_ns)}",
            hint="Choose a validity that begins where the other ends, supersede the other, or take another collection.",
        )
    return calibration


def superseding(
    connection: Connection, name: str, new: Validity, viewer: Viewer | None = None
) -> tuple[Product, list[Validity]]:
    """Product of a validity that may overlap others, and what these lose to it."""
    calibration = _checked(connection, new, viewer)
    others = overlapped(connection, name, new, calibration.ref)
    lost = [Validity(o.product_id, max(o.begin_ns, new.begin_ns), min(o.end_ns, new.end_ns)) for o in others]
    return calibration, lost


def taken_back(connection: Connection, name: str, range_: Validity, viewer: Viewer | None = None) -> Product:
    """Raise ConflictError where a product has nothing certified in a range; else the product."""
    calibration = _checked(connection, range_, viewer)
    if not connection.execute(_held(name, range_)).first():
        raise ConflictError(
            f"{name} does not hold {range_.product_id} in {_span(range_.begin_ns, range_.end_ns)}",
            hint="`hven calib list` shows what is certified, and where.",
        )
    return calibration


def overlapped(connection: Connection, name: str, new: Validity, ref: DatasetRef) -> list[Validity]:
    """What a collection holds of the same type and scope in a range."""
    there = _for(ref, name).where(validity.c.begin_ns < new.end_ns, validity.c.end_ns > new.begin_ns)
    rows = connection.execute(there.order_by(validity.c.begin_ns))
    return [Validity(row.product_id, row.begin_ns, row.end_ns) for row in rows]


def write(connection: Connection, entry: Certification, ref: DatasetRef | None) -> None:
    """Do what an entry of the books says, and keep it; of a product that is not there any more only that is left.

    Nothing overlaps a new range but, where the journal is read again, what a product had that was away meanwhile.
    """
    if ref is not None and entry.edit == Edit.CERTIFY:
        products.add_collections(connection, [entry.collection], CollectionKind.CALIBRATION)
        for other in overlapped(connection, entry.collection, entry.validity, ref):
            _trim(connection, entry.collection, replace(entry.validity, product_id=other.product_id), ref)
        _insert(connection, entry.collection, entry.validity, ref)
    elif ref is not None:
        _trim(connection, entry.collection, entry.validity, ref)
    row = {name: str(getattr(entry, name)) for name in ("collection", "edit", "scope", "who", "why")}
    upsert_rows(
        connection, certification, [{**row, "type": entry.dataset_type, "at_ns": entry.at_ns, **asdict(entry.validity)}]
    )


def books(connection: Connection, name: str = "", viewer: Viewer | None = None) -> list[Certification]:
    """All entries that a viewer may see, of one collection or of all, oldest first."""
    of_it = certification.c.collection == name if name else sa.true()
    rows = connection.execute(
        sa.select(certification)
        .where(of_it, visible(viewer, certification.c.collection))
        .order_by(
            *(certification.c[name] for name in ("at_ns", "collection")),
            certification.c.edit.desc(),
            *(certification.c[name] for name in ("product_id", "begin_ns")),
        )
    )
    return [
        Certification(
            Edit(row.edit), row.collection, Validity(row.product_id, row.begin_ns, row.end_ns), row.type, row.scope,
            row.who, row.why, row.at_ns,
        )
        for row in rows
    ]  # fmt: skip


def valid(connection: Connection, name: str = "", viewer: Viewer | None = None) -> list[Certification]:
    """What is certified now, by collection, type, scope and time: each range with the entry that gave it."""
    given = [e for e in books(connection, name, viewer) if e.edit == Edit.CERTIFY]
    of_it = validity.c.collection == name if name else sa.true()
    rows = connection.execute(
        sa.select(validity).where(of_it, visible(viewer, validity.c.collection)).order_by(*validity.primary_key.columns)
    )
    return [_with_range(_giver(given, row), row) for row in rows]


def _giver(given: Sequence[Certification], row: Any) -> Certification:
    """Newest entry that certified a product for at least a range."""
    return next(
        e
        for e in reversed(given)
        if (e.collection, e.validity.product_id) == (row.collection, row.product_id)
        and e.validity.begin_ns <= row.begin_ns
        and e.validity.end_ns >= row.end_ns
    )


def _with_range(entry: Certification, row: Any) -> Certification:
    return replace(entry, validity=Validity(row.product_id, row.begin_ns, row.end_ns))


def _checked(connection: Connection, new: Validity, viewer: Viewer | None) -> Product:
    calibration = products.get(connection, new.product_id, viewer)
    if new.begin_ns >= new.end_ns:
        raise ConfigurationError(
            f"{_span(new.begin_ns, new.end_ns)} is empty", hint="A validity is [begin, end) with begin before end."
        )
    return calibration


def _held(name: str, range_: Validity) -> sa.Select[tuple[int, int]]:
    """Ranges of a collection in which a product is certified and that a range overlaps."""
    return sa.select(validity.c.begin_ns, validity.c.end_ns).where(
        validity.c.collection == name,
        validity.c.product_id == range_.product_id,
        validity.c.begin_ns < range_.end_ns,
        validity.c.end_ns > range_.begin_ns,
    )


def _trim(connection: Connection, name: str, lost: Validity, ref: DatasetRef) -> None:
    for begin_ns, end_ns in [(row.begin_ns, row.end_ns) for row in connection.execute(_held(name, lost))]:
        connection.execute(
            sa.delete(validity).where(
                validity.c.collection == name,
                validity.c.product_id == lost.product_id,
                validity.c.begin_ns == begin_ns,
            )
        )
        for left in ((begin_ns, min(end_ns, lost.begin_ns)), (max(begin_ns, lost.end_ns), end_ns)):
            if left[0] < left[1]:
                _insert(connection, name, Validity(lost.product_id, *left), ref)


def _insert(connection: Connection, name: str, new: Validity, ref: DatasetRef) -> None:
    values = {"type": ref.type.name, "level": str(ref.type.level), "scope": scope(ref)}
    connection.execute(sa.insert(validity).values(collection=name, **values, **asdict(new)))


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
        hint="Make one with `hven calib take`, or certify one with `hven calib certify`.",
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
