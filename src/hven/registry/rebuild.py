"""Make the index again from what lies on the disk: products, `current` files and the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConflictError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.collection import CollectionKind
from hven.model.product import Product
from hven.registry import calibrations, collections, entries, products, quanta, schema
from hven.registry.database import Database
from hven.registry.journal import EDITS, QUANTA, Entry, Journal
from hven.store.current import read_current
from hven.store.index import inputs_of, iter_products

_AT_ONCE = 1000
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found: products, edits of collections, quantum records."""

    products: int
    edits: int
    quanta: int


def rebuild(url: str, root: Path) -> Rebuilt:
    """Empty the registry and fill it from the data root; readers see the old index until the new one is complete.

    Parameters
    ----------
    url
        SQLAlchemy URL of the registry, of this or an older version, or not there yet.
    root
        Data root.
    """
    database = Database(url)
    try:
        with database.write() as connection:
            schema.metadata.drop_all(connection)
            schema.metadata.create_all(connection)
            database.stamp(connection, name=schema.NAME, version=schema.VERSION)
            rebuilt = Rebuilt(
                _products(connection, root),
                _edits(connection, Journal(root / EDITS).entries()),
                _quanta(connection, Journal(root / QUANTA).entries()),
            )
        database.optimize()
    finally:
        database.close()
    return rebuilt


def _products(connection: Connection, root: Path) -> int:
    count = 0
    for some in batched(iter_products(root), _AT_ONCE):
        inputs = {p.id: inputs_of(root, p) for p in some}
        added = products.add(connection, some, inputs)
        for name, candidates in products.by_defaults(added).items():
            products.add_collections(connection, [name], CollectionKind.TAGGED)
            products.put(connection, name, _current(root, candidates))
        count += len(added)
    return count


def _current(root: Path, candidates: Iterable[Product]) -> Iterator[Product]:
    return (p for p in candidates if read_current(root, p.ref) == p.path)


def _edits(connection: Connection, journal: Iterable[Entry]) -> int:
    count = 0
    for entry in journal:
        _EDITS[entry["edit"]](connection, entry)
        count += 1
    return count


def _define(connection: Connection, entry: Entry) -> None:
    collections.define(connection, entries.collection_of(entry))


def _tag(connection: Connection, entry: Entry) -> None:
    name = entry["collection"]
    there = set(connection.scalars(sa.select(schema.product.c.id).where(schema.product.c.id.in_(entry["products"]))))
    tagged = products.get_many(connection, [i for i in entry["products"] if i in there])
    products.put(connection, name, (p for p in tagged if name != products.defaults(p.ref)))


def _certify(connection: Connection, entry: Entry) -> None:
    validity = entries.validity_of(entry)
    try:
        calibration = calibrations.check(connection, entry["collection"], validity)
    except (ConflictError, DatasetNotFoundError) as error:
        _log.warning("certification left out", collection=entry["collection"], reason=error.message)
        return
    calibrations.certify(connection, entry["collection"], validity, calibration.ref)


_EDITS = {"define": _define, "tag": _tag, "certify": _certify}


def _quanta(connection: Connection, journal: Iterable[Entry]) -> int:
    count = 0
    for some in batched(journal, _AT_ONCE):
        quanta.record(connection, [entries.quantum_of(entry) for entry in some])
        count += len(some)
    return count
