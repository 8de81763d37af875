"""Make the index again from what lies on the disk: products, `current` files and the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.core.errors import ConflictError, DataError, DatasetNotFoundError, HvenError
from hven.core.logging import get_logger
from hven.model.collection import CollectionKind
from hven.model.product import Product
from hven.model.quantum import QuantumRecord
from hven.registry import annotating, calibrations, collections, entries, keeping, products, quanta, schema
from hven.registry.database import Database, version_of
from hven.registry.journal import EDITS, QUANTA, Entry, Journal
from hven.store.current import CURRENT, MEND, read_current
from hven.store.index import inputs_of, product_paths, read_product

_AT_ONCE = 1000
_SHOWN = 200
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found: products, edits of collections, quantum records; `problems` are what could not be read."""

    products: int
    edits: int
    quanta: int
    problems: tuple[HvenError, ...] = ()


def rebuild(url: str, root: Path) -> Rebuilt:
    """Empty the registry and fill it from the data root; readers see the old index until the new one is complete.

    What cannot be read is left out and told: it does not keep the rest from being found.

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
            _empty(database, connection)
            rebuilt = _Rebuild(connection, root).run()
        database.optimize()
    finally:
        database.close()
    return rebuilt


def _empty(database: Database, connection: Connection) -> None:
    """Make empty tables; in PostgreSQL, where readers would have to wait for tables that are dropped, by deleting."""
    if not database.is_sqlite and version_of(connection, schema.NAME) == schema.VERSION:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        return
    schema.metadata.drop_all(connection)
    schema.metadata.create_all(connection)
    database.stamp(connection, name=schema.NAME, version=schema.VERSION)


@dataclass(slots=True)
class _Rebuild:
    connection: Connection
    root: Path
    problems: dict[str, HvenError] = field(default_factory=dict)

    def run(self) -> Rebuilt:
        count = sum(self._add(some) for some in batched(self._products(), _AT_ONCE))
        edits = self._edits(Journal(self.root / EDITS))
        records = self._quanta(Journal(self.root / QUANTA))
        return Rebuilt(count, edits, records, tuple(self.problems.values()))

    def _problem(self, error: HvenError) -> None:
        self.problems[error.message] = error

    def _products(self) -> Iterator[tuple[Product, list[str]]]:
        for path in product_paths(self.root, self._not_listed):
            try:
                product = read_product(self.root, path)
                inputs = inputs_of(self.root, product)
            except HvenError as error:
                self._problem(error)
            else:
                yield product, inputs

    def _not_listed(self, error: OSError) -> None:
        self._problem(DataError(f"{error.filename} cannot be listed: {error.strerror}", hint="Check its permissions."))

    def _add(self, found: Sequence[tuple[Product, list[str]]]) -> int:
        """Add products; of those that contradict each other the later ones are problems."""
        try:
            with self.connection.begin_nested():
                added = products.add(self.connection, [p for p, _ in found], {p.id: ids for p, ids in found})
        except ConflictError as error:
            if len(found) > 1:
                return sum(self._add([one]) for one in found)
            self._problem(ConflictError(f"{found[0][0].path}: {error.message}", hint=error.hint))
            return 0
        for name, candidates in products.by_defaults(added).items():
            products.add_collections(self.connection, [name], CollectionKind.TAGGED)
            products.put(self.connection, name, self._current(candidates))
        return len(added)

    def _current(self, candidates: Iterable[Product]) -> Iterator[Product]:
        for product in candidates:
            try:
                current = read_current(self.root, product.ref)
            except DataError as error:
                self._problem(error)
                continue
            if current == product.path:
                yield product
            elif current is not None and not (self.root / current).is_dir():
                self._problem(
                    DataError(f"{current.parent / CURRENT} names {current.name}, which is not there", hint=MEND)
                )

    def _edits(self, journal: Journal) -> int:
        count = 0
        for entry in journal.entries(self._problem):
            try:
                _EDITS[entry["edit"]](self.connection, entry)
                count += 1
            except HvenError as error:
                self._problem(error)
            except (KeyError, TypeError, ValueError) as error:
                self._problem(_strange(journal, entry, error))
        return count

    def _quanta(self, journal: Journal) -> int:
        count = 0
        for some in batched(self._records(journal), _AT_ONCE):
            quanta.record(self.connection, some)
            count += len(some)
        return count

    def _records(self, journal: Journal) -> Iterator[QuantumRecord]:
        for entry in journal.entries(self._problem):
            try:
                yield entries.quantum_of(entry)
            except (KeyError, TypeError, ValueError) as error:
                self._problem(_strange(journal, entry, error))


def _strange(journal: Journal, entry: Entry, error: Exception) -> DataError:
    return DataError(
        f"{journal.path}: {error!r} in the entry {str(entry)[:_SHOWN]}", hint="A newer hven may have written it."
    )


def _define(connection: Connection, entry: Entry) -> None:
    collection = entries.collection_of(entry)
    collections.check(connection, collection)
    collections.define(connection, collection)


def _tag(connection: Connection, entry: Entry) -> None:
    name = entry["collection"]
    there = set(connection.scalars(sa.select(schema.product.c.id).where(schema.product.c.id.in_(entry["products"]))))
    tagged = products.get_many(connection, [i for i in entry["products"] if i in there])
    chosen = [p for p in tagged if name != products.defaults(p.ref)]  # defaults are what the `current` files say
    if chosen:
        collections.kind_of(connection, name)
        products.put(connection, name, chosen)


def _certification(connection: Connection, entry: Entry) -> None:
    """Certify or decertify; of a product that is not there any more only the entry is kept."""
    try:
        ref = products.get(connection, entry["product_id"]).ref
    except DatasetNotFoundError as error:
        ref = None
        if "dataset_type" not in entry:
            _log.warning("certification left out", collection=entry["collection"], reason=error.message)
            return
    calibrations.write(connection, entries.certification_of(entry, ref), ref)


def _share(connection: Connection, entry: Entry) -> None:
    """A run without a product left is not there, and shared with nobody."""
    if connection.scalar(sa.select(schema.collection.c.name).where(schema.collection.c.name == entry["collection"])):
        collections.share_with(connection, entry["collection"], entry["group"])


def _unshare(connection: Connection, entry: Entry) -> None:
    collections.unshare(connection, entry["collection"], entry["group"])


def _hold(connection: Connection, entry: Entry) -> None:
    keeping.hold(connection, entries.hold_of(entry))


def _unhold(connection: Connection, entry: Entry) -> None:
    found = entries.hold_of(entry)
    keeping.unhold(connection, found.target, found.who)


def _expire(connection: Connection, entry: Entry) -> None:
    """What has gone since is not on the disk, and not expired but not there."""
    some = {one.product_id: one for one in entries.expiries_of(entry)}
    keeping.expire(connection, [some[i] for i in products.among(connection, list(some), None)])


def _bring_back(connection: Connection, entry: Entry) -> None:
    keeping.bring_back(connection, entry["products"])


def _annotate(connection: Connection, entry: Entry) -> None:
    annotating.annotate(connection, entries.annotation_of(entry))


_EDITS = {
    "annotate": _annotate,
    "define": _define,
    "tag": _tag,
    "certify": _certification,
    "decertify": _certification,
    "share": _share,
    "unshare": _unshare,
    "hold": _hold,
    "unhold": _unhold,
    "expire": _expire,
    "bring back": _bring_back,
}
