"""The registry over SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.engine import Connection

from hven.core.clock import now_ns
from hven.core.errors import ConflictError
from hven.model.access import Viewer
from hven.model.annotation import Annotation
from hven.model.collection import Certification, Collection, CollectionKind, Edit, Validity
from hven.model.data_id import DatasetRef, TypeName
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.model.retention import Expired, Hold
from hven.registry import annotating, calibrations, collections, keeping, products, quanta, removal, schema
from hven.registry.database import Database
from hven.registry.entries import (
    annotation_entry,
    certification_entry,
    collection_entry,
    expiry_entry,
    hold_entry,
    quantum_entry,
    return_entry,
    share_entry,
    tag_entry,
)
from hven.registry.journal import EDITS, QUANTA, Journal
from hven.registry.protocol import ALL
from hven.registry.rows import scope
from hven.registry.visible import visible
from hven.store.current import forget_current, read_current, set_current

_MANY = 1000


class DirectRegistry:
    """Index of everything on disk in SQLite or PostgreSQL; see `hven.registry.protocol.Registry`.

    Parameters
    ----------
    url
        SQLAlchemy URL.
    root
        Data root; the journal lies below it.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.root = root
        self.viewer: Viewer | None = None
        self.database = Database(url)
        self.edits = Journal(root / EDITS)
        self.quanta_journal = Journal(root / QUANTA)
        self.database.prepare(
            schema.metadata,
            name=schema.NAME,
            version=schema.VERSION,
            when_older="Run `hven registry rebuild`.",
            migrations=schema.MIGRATIONS,
        )

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give connections back."""
        self.close()

    def seen_by(self, viewer: Viewer) -> Self:
        """The same as somebody may see it: what they may not is not there, in no list, count or message."""
        view = copy(self)
        view.viewer = viewer
        return view

    def register(
        self, products_: Sequence[Product], *, inputs: Mapping[str, Sequence[str]], chosen: bool = True
    ) -> None:
        """Add published products and tag those that are chosen in their instrument's defaults."""
        with self.database.write() as connection:
            added = products.register(connection, products_, inputs, chosen=chosen)
        if added >= _MANY:
            self.database.optimize()

    def refresh(self, product: Product) -> None:
        """Put a product's record right after it was made again with the same content; ConflictError for another."""
        with self.database.write() as connection:
            products.refresh(connection, product)

    def get(self, product_id: str) -> Product:
        """Product by id; raises DatasetNotFoundError."""
        with self.database.read() as connection:
            return products.get(connection, product_id, self.viewer)

    def among(self, product_ids: Sequence[str]) -> list[str]:
        """Those of some ids that are products."""
        with self.database.read() as connection:
            return products.among(connection, product_ids, self.viewer)

    def find(
        self,
        type_name: TypeName | None = None,
        query: DataQuery = ALL,
        *,
        collection: str = "",
        limit: int | None = None,
    ) -> list[Product]:
        """Products that fit a query, in order of data ID; of a RUN all versions, else one for each dataset."""
        seen = visible(self.viewer, schema.product.c.run)
        with self.database.read() as connection:
            if not collection:
                wanted = [type_name.instrument] if type_name else list(map(str, query.values.get("instrument", ())))
                among = collections.holds(collections.default_names(connection, wanted), CollectionKind.TAGGED)
                return list(products.find(connection, type_name, query, among & seen, limit))
            leaves = collections.leaves(connection, collection, self.viewer)
            if len(leaves) == 1:
                among = collections.holds([leaves[0][0]], leaves[0][1]) & seen
                return list(products.find(connection, type_name, query, among, limit))
            first: dict[DatasetRef, Product] = {}
            for name, kind in leaves:
                among = collections.holds([name], kind) & seen
                for found in products.find(connection, type_name, query, among, None):
                    first.setdefault(found.ref, found)
        return sorted(first.values(), key=lambda p: (p.ref.data_id.sort_key(), p.ref.type))[:limit]

    def find_one(self, ref: DatasetRef, *, collection: str = "") -> Product | None:
        """Look one dataset up."""
        with self.database.read() as connection:
            leaves = [(products.defaults(ref), CollectionKind.TAGGED)]
            if collection:
                leaves = collections.leaves(connection, collection, self.viewer)
            for name, kind in leaves:
                found = products.one(connection, ref, name, kind)
                if found is not None and self._seen(connection, [found.id]):
                    return found
        return None

    def by_quantum(self, quantum_keys: Sequence[str], *, owner: str = "") -> dict[tuple[str, str], Product]:
        """Existing products by (quantum key, output): the observatory's, and those of `owner` where it has none."""
        with self.database.read() as connection:
            return products.by_quantum(connection, quantum_keys, owner, self.viewer)

    def inputs_of(self, product_id: str) -> list[str]:
        """Ids of what a product was made from."""
        with self.database.read() as connection:
            known = self._seen(connection, [product_id])
            return self._seen(connection, products.inputs_of(connection, product_id)) if known else []

    def outputs_of(self, product_id: str) -> list[str]:
        """Ids of what was made from a product."""
        with self.database.read() as connection:
            known = self._seen(connection, [product_id])
            return self._seen(connection, products.outputs_of(connection, product_id)) if known else []

    def owned(self, owner: str) -> list[Product]:
        """Products born in somebody's own runs, oldest first."""
        with self.database.read() as connection:
            return removal.owned(connection, owner, self.viewer)

    def owned_bytes(self, owner: str) -> int:
        """Bytes of the products born in somebody's own runs."""
        with self.database.read() as connection:
            return removal.owned_bytes(connection, owner)

    def protected(self, product_ids: Sequence[str]) -> dict[str, str]:
        """Why products must stay, by id."""
        with self.database.read() as connection:
            return removal.protected(connection, product_ids)

    def remove(self, product_ids: Sequence[str]) -> None:
        """Forget products whose folders are gone; ConflictError when one is protected."""
        with self.database.write() as connection:
            removal.remove(connection, product_ids)

    def hold(self, hold: Hold) -> None:
        """Keep a product, or all that is in a collection, from going (journaled)."""
        with self.database.write() as connection:
            keeping.check(connection, hold, self.viewer)
            self.edits.append([hold_entry(hold, released=False)])
            keeping.hold(connection, hold)

    def unhold(self, hold: Hold) -> None:
        """Take a hold away (journaled)."""
        with self.database.write() as connection:
            self.edits.append([hold_entry(hold, released=True)])
            keeping.unhold(connection, hold.target, hold.who)

    def holds(self) -> list[Hold]:
        """All holds, oldest first."""
        with self.database.read() as connection:
            return keeping.holds(connection)

    def expiries(self) -> dict[str, Expired]:
        """What has expired and is still there, by id, oldest first."""
        with self.database.read() as connection:
            return keeping.expiries(connection)

    def expire(self, some: Sequence[Expired], *, releases: Sequence[str] = ()) -> dict[str, str]:
        """Let products be found no more (journaled); those that must stay after all, with the reason, are left."""
        with self.database.write() as connection:
            stay = keeping.needed(connection, {one.product_id for one in some}, releases, by_expired=False)
            going = [one for one in some if one.product_id not in stay]
            expired = products.get_many(connection, [one.product_id for one in going])
            if going:
                self.edits.append([expiry_entry(going)])
            for product in expired:
                forget_current(self.root, product)
            keeping.expire(connection, going)
            keeping.leave_defaults(connection, [product.id for product in expired])
        return stay

    def bring_back(
        self, returned: Sequence[Product], *, inputs: Mapping[str, Sequence[str]], hold: Hold | None = None
    ) -> None:
        """Let products that have expired, or were forgotten, be found again, and hold one at once (journaled).

        They are what is opened by default only where nothing else is meanwhile.
        """
        with self.database.write() as connection:
            held = [hold_entry(hold, released=False)] if hold else []
            self.edits.append([return_entry([product.id for product in returned]), *held])
            if hold:
                keeping.hold(connection, hold)
            products.add(connection, returned, inputs)
            keeping.bring_back(connection, [product.id for product in returned])
            for name, candidates in products.by_defaults(returned).items():
                products.add_collections(connection, [name], CollectionKind.TAGGED)
                for product in candidates:
                    if products.one(connection, product.ref, name, CollectionKind.TAGGED) is None:
                        set_current(self.root, product)
                        products.put(connection, name, [product])

    def forget_expired(self, product_ids: Sequence[str], *, releases: Sequence[str] = ()) -> dict[str, str]:
        """Forget products whose folders are gone; those that must stay after all, with the reason, are left."""
        with self.database.write() as connection:
            stay = keeping.needed(connection, product_ids, releases, by_expired=True)
            removal.forget(connection, [i for i in product_ids if i not in stay])
        return stay

    def forget_lost(self, product_id: str, *, releases: Sequence[str] = ()) -> None:
        """Forget a product whose folder is gone, as a rebuild would; ConflictError when it is there or must stay."""
        with self.database.write() as connection:
            product = products.get(connection, product_id)
            if (self.root / product.path).exists():
                raise ConflictError(f"{product.path} is there", hint="Only what is lost is forgotten.")
            if reason := keeping.kept(connection, releases).get(product_id):
                raise ConflictError(f"it must stay known: {reason}", hint="Bring it back from a backup or a replica.")
            removal.forget(connection, [product_id])

    def define(self, collection: Collection) -> None:
        """Make a collection, or change its access class, text or children (journaled)."""
        with self.database.write() as connection:
            collections.check(connection, collection, self.viewer)
            self.edits.append([collection_entry(collection)])
            collections.define(connection, collection)

    def collections(self) -> list[Collection]:
        """All collections, by name."""
        with self.database.read() as connection:
            return collections.all_of(connection, self.viewer)

    def share(self, collection: str, group: str) -> None:
        """Let a Unix group see a run of somebody's own (journaled)."""
        with self.database.write() as connection:
            collections.check_share(connection, collection, self.viewer)
            self.edits.append([share_entry(collection, group, revoked=False)])
            collections.share_with(connection, collection, group)

    def unshare(self, collection: str, group: str) -> None:
        """Let a group see a run no longer (journaled)."""
        with self.database.write() as connection:
            collections.check_share(connection, collection, self.viewer)
            self.edits.append([share_entry(collection, group, revoked=True)])
            collections.unshare(connection, collection, group)

    def tag(self, collection: str, product_ids: Sequence[str]) -> None:
        """Put products into a TAGGED collection, replacing those of the same type and data ID (journaled).

        In defaults this also rewrites the `current` files that name another version.
        """
        with self.database.write() as connection:
            kind = collections.kind_of(connection, collection, self.viewer)
            if kind != CollectionKind.TAGGED:
                raise ConflictError(f"collection {collection} is {kind}; only TAGGED ones take tags")
            tagged = products.get_many(connection, product_ids, self.viewer)
            products.must_be_there(connection, product_ids)
            self.edits.append([tag_entry(collection, product_ids)])
            for product in tagged:
                in_defaults = collection == products.defaults(product.ref)
                if in_defaults and read_current(self.root, product.ref) != product.path:
                    set_current(self.root, product)
            products.put(connection, collection, tagged)

    def certify(
        self, collection: str, validity: Validity, *, who: str = "", why: str = "", supersede: bool = False
    ) -> None:
        """Make a product the calibration for `[begin, end)`; ConflictError where ranges overlap (journaled)."""
        with self.database.write() as connection:
            if supersede:
                product, lost = calibrations.superseding(connection, collection, validity, self.viewer)
            else:
                product, lost = calibrations.check(connection, collection, validity, self.viewer), []
            products.must_be_there(connection, [validity.product_id])
            edits = [(Edit.DECERTIFY, range_) for range_ in lost] + [(Edit.CERTIFY, validity)]
            self._certified(connection, collection, product, edits, (who, why))

    def decertify(self, collection: str, validity: Validity, *, who: str = "", why: str = "") -> None:
        """Let a product be the calibration for `[begin, end)` no longer (journaled)."""
        with self.database.write() as connection:
            product = calibrations.taken_back(connection, collection, validity, self.viewer)
            self._certified(connection, collection, product, [(Edit.DECERTIFY, validity)], (who, why))

    def _certified(
        self,
        connection: Connection,
        collection: str,
        product: Product,
        edits: Sequence[tuple[Edit, Validity]],
        said: tuple[str, str],
    ) -> None:
        what, now = (str(product.ref.type), scope(product.ref)), now_ns()
        some = [Certification(edit, collection, range_, *what, *said, now) for edit, range_ in edits]
        self.edits.append([certification_entry(one) for one in some])
        for one in some:
            calibrations.write(connection, one, product.ref)

    def certifications(self, *, collection: str = "", history: bool = False) -> list[Certification]:
        """What is certified now, by collection, type, scope and time; or all entries of the books, oldest first."""
        with self.database.read() as connection:
            return (calibrations.books if history else calibrations.valid)(connection, collection, self.viewer)

    def calibration(self, ref: DatasetRef, time_ns: int, *, collection: str = "") -> Product:
        """Calibration valid at a time; raises CalibrationMissingError."""
        with self.database.read() as connection:
            return calibrations.lookup(connection, ref, time_ns, collection, self.viewer)

    def annotate(self, annotation: Annotation) -> None:
        """Keep what somebody says of data (journaled)."""
        with self.database.write() as connection:
            if annotating.is_there(connection, annotation.id):
                return
            annotating.check(connection, annotation)
            self.edits.append([annotation_entry(annotation)])
            annotating.annotate(connection, annotation)

    def annotations(self) -> list[Annotation]:
        """What people have said, oldest first."""
        with self.database.read() as connection:
            return annotating.all_of(connection)

    def record_quanta(self, records: Sequence[QuantumRecord]) -> None:
        """Keep how quanta ended (journaled)."""
        with self.database.write() as connection:
            self.quanta_journal.append(map(quantum_entry, records))
            quanta.record(connection, records)

    def quanta(
        self, *, run: str = "", state: QuantumState | None = None, output: str = "", query: DataQuery = ALL
    ) -> list[QuantumRecord]:
        """Quantum records, newest first."""
        with self.database.read() as connection:
            return quanta.find(connection, run=run, state=state, output=output, query=query, viewer=self.viewer)

    def history(self, task: str, *, version: str = "", limit: int | None = None) -> list[QuantumRecord]:
        """Newest records of quanta of a task that were computed and not found."""
        with self.database.read() as connection:
            return quanta.history(connection, task, version=version, limit=limit, viewer=self.viewer)

    def _seen(self, connection: Connection, ids: list[str]) -> list[str]:
        """Those of some ids that the viewer may see; what has been deleted is known to nobody but its own record."""
        return ids if self.viewer is None else products.among(connection, ids, self.viewer)

    def close(self) -> None:
        """Give connections back."""
        self.database.optimize()
        self.database.close()
