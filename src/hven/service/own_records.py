"""What a caller adds to the registry: checked before it is believed, and noted whether it was believed or not."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import chain
from typing import Any

from hven.access.share import may_share, must_own
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError, HvenError, SchemaError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.access import may_write, owns
from hven.model.annotation import Annotation
from hven.model.collection import Collection, CollectionKind, Validity, owner_of
from hven.model.data_id import Level
from hven.model.product import Product
from hven.model.quantum import QuantumRecord
from hven.registry.direct import DirectRegistry
from hven.registry.products import defaults
from hven.retention.quota import quota_bytes, refuse_when_full
from hven.service.auth import Caller
from hven.store.inspect import Inspected, inspect
from hven.store.paths import product_path

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_log = get_logger(__name__)


class OwnRecords:
    """The writing half of the registry in the name of a caller, who may submit.

    A caller changes collections of their own; those of the observatory take the right to operate; those of another
    person are nobody else's.

    Parameters
    ----------
    registry
        As nobody in particular sees it.
    seen
        As the caller sees it.
    settings
        Data root; in server mode the accounts.
    caller
        Who asks.
    """

    def __init__(self, registry: DirectRegistry, seen: DirectRegistry, settings: Settings, caller: Caller) -> None:
        self.registry = registry
        self.seen = seen
        self.settings = settings
        self.caller = caller

    def register(self, claimed: Sequence[Product], inputs: Mapping[str, Sequence[str]], *, chosen: bool = True) -> None:
        """Register published products, each as the disk describes it; those not `chosen` are found in their run only.

        Raises
        ------
        AccessDeniedError
            When a run, a folder or a part of it is not the caller's, or a part of the path is a link.
        SchemaError, ChecksumError
            When the record is not that of the disk.
        DatasetNotFoundError
            When there is no such product, or an input is not there for the caller.
        ConflictError
            When the id belongs to another product.
        QuotaExceededError
            When the caller had no room any more; the products stay on the disk, and are registered when there is.
        """
        with self._noted("register", runs=sorted({p.run for p in claimed}), products=len(claimed)):
            found = [self._inspect(product, inputs.get(product.id, ())) for product in claimed]
            self._inputs_must_be_there(found)
            new = [f for f in found if self._is_new(f.product)]
            self._must_have_room(new)
            links = {f.product.id: sorted(f.inputs) for f in new}
            self.registry.register([f.product for f in new], inputs=links, chosen=chosen)

    def protected(self, product_ids: Sequence[str]) -> dict[str, str]:
        """Why products of the caller's own must stay; raises AccessDeniedError for those of others."""
        self.caller.must("submit")
        return self.registry.protected([product.id for product in self._own(product_ids)])

    def remove(self, product_ids: Sequence[str]) -> None:
        """Forget products of the caller's own whose folders are gone.

        Raises
        ------
        AccessDeniedError
            For products of others, and of the observatory.
        ConflictError
            When a product is still in its place, or must stay.
        """
        with self._noted("remove", products=len(product_ids)):
            known = self._own(product_ids)
            for product in known:
                if os.path.lexists(self.settings.root / product.path):
                    raise ConflictError(f"{product.path} is still there", hint="`hven remove` moves it away first.")
            self.registry.remove([product.id for product in known])

    def record_quanta(self, records: Sequence[QuantumRecord]) -> None:
        """Keep how quanta of the caller's runs ended."""
        runs = sorted({r.run for r in records})
        with self._noted("record quanta", runs=runs, records=len(records)):
            for run in runs:
                self._must_change(run)
            self.registry.record_quanta(records)

    def annotate(self, annotation: Annotation) -> Annotation:
        """Keep what the caller says of data; everybody may who may submit."""
        with self._noted("annotate", kind=str(annotation.kind), data_id=str(annotation.data_id)):
            self.registry.annotate(annotation)
        return annotation

    def define(self, collection: Collection) -> None:
        """Make a collection or change it; the class of the observatory's runs is that of their folders."""
        with self._noted("define", collection=collection.name):
            self._must_change(collection.name)
            before = next((c for c in self.registry.collections() if c.name == collection.name), None)
            reclassed = before is not None and before.access != collection.access
            if reclassed and collection.kind == CollectionKind.RUN and not owner_of(collection.name):
                raise ConflictError(
                    f"the class of run {collection.name} is also that of its folders",
                    hint=f"On the server: `hven collection access {collection.name} {collection.access}`.",
                )
            self.seen.define(collection)

    def tag(self, collection: str, product_ids: Sequence[str]) -> None:
        """Put products that the caller may see into a TAGGED collection."""
        with self._noted("tag", collection=collection, products=len(product_ids)):
            self._must_change(collection)
            self._must_not_choose_raw(collection, product_ids)
            try:
                self.seen.tag(collection, product_ids)
            except PermissionError as error:
                raise AccessDeniedError(
                    f"the API may not write {error.filename}", hint="Change the defaults as the batch account."
                ) from None

    def share(self, collection: str, group: str) -> None:
        """Let a group, of which the caller is a member, see a run of the caller's own."""
        with self._noted("share", collection=collection, group=group):
            may_share(self.caller.name, collection, group, self.settings)
            self.seen.share(collection, group)

    def unshare(self, collection: str, group: str) -> None:
        """Let a group see a run of the caller's own no longer."""
        with self._noted("unshare", collection=collection, group=group):
            must_own(self.caller.name, collection)
            self.seen.unshare(collection, group)

    def certify(self, collection: str, validity: Validity, *, why: str, supersede: bool) -> None:
        """Make a product that the caller may see a calibration."""
        with self._noted("certify", collection=collection, product=validity.product_id):
            self._must_change(collection)
            self.seen.certify(collection, validity, who=self.caller.name, why=why, supersede=supersede)

    def decertify(self, collection: str, validity: Validity, *, why: str) -> None:
        """Let a product that the caller may see be the calibration of a range no longer."""
        with self._noted("decertify", collection=collection, product=validity.product_id):
            self._must_change(collection)
            self.seen.decertify(collection, validity, who=self.caller.name, why=why)

    def _must_change(self, collection: str) -> None:
        """Let through who may change a collection."""
        name, viewer = self.caller.name, self.seen.viewer
        if viewer is not None and may_write(viewer, collection):
            return
        if owner_of(collection):
            raise AccessDeniedError(f"{collection} is not {name}'s", hint=f"Your own collections begin with u/{name}/.")
        if not self.caller.may("operate"):
            raise AccessDeniedError(
                f"{collection} is the observatory's; {name} may not operate",
                hint=f"Your own collections begin with u/{name}/.",
            )

    def _must_not_choose_raw(self, collection: str, product_ids: Sequence[str]) -> None:
        """Refuse to say which version of raw data is current: in server mode only the archive writes in L0."""
        if self.settings.server is None or not collection.endswith("/defaults"):
            return
        for product in map(self.seen.get, product_ids):
            if product.ref.type.level == Level.L0 and collection == defaults(product.ref):
                raise AccessDeniedError(
                    f"which version of {product.ref} is current is said by the archive alone",
                    hint="`hven ingest` makes the newest one current; tag this one in a collection of another name.",
                )

    def _own(self, product_ids: Sequence[str]) -> list[Product]:
        """Those of some ids that are there for the caller; all of these must be the caller's own."""
        known = [self.registry.get(i) for i in self.seen.among(product_ids)]
        for product in known:
            if not owns(self.caller.name, product.run):
                raise AccessDeniedError(f"product {product.id} of {product.run} is not {self.caller.name}'s")
        return known

    def _must_have_room(self, new: Sequence[Inspected]) -> None:
        """Refuse more from who has reached their quota: what was begun before that is let in."""
        if any(owns(self.caller.name, f.product.run) for f in new):
            used = self.registry.owned_bytes(self.caller.name)
            refuse_when_full(self.caller.name, used, quota_bytes(self.settings))

    def _inspect(self, claimed: Product, inputs: Sequence[str]) -> Inspected:
        self._must_change(claimed.run)
        if claimed.path != product_path(claimed.ref, claimed.id, user=owner_of(claimed.run)):
            raise AccessDeniedError(f"{claimed.path} is not where {claimed.ref} of run {claimed.run} belongs")
        found = inspect(self.settings.root, claimed.path, owners=self._owners(claimed.run))
        if different := _difference(found.product, claimed):
            raise SchemaError(f"{claimed.path}: the record says otherwise than the disk about: {', '.join(different)}")
        if found.inputs != set(inputs):
            raise SchemaError(f"{claimed.path}: the record names other inputs than the disk")
        if owner_of(claimed.run) and found.product.user != self.caller.name:
            raise AccessDeniedError(f"{claimed.path} says that {found.product.user!r} made it, not {self.caller.name}")
        return found

    def _owners(self, run: str) -> frozenset[int] | None:
        """Unix users to whom a product's files may belong; anybody in the try-out, which has one."""
        server = self.settings.server
        if server is None:
            return None
        names = [self.caller.name] if owner_of(run) else [server.batch_account, server.archive_account]
        return frozenset(filter(None, map(_uid, names)))

    def _inputs_must_be_there(self, found: Sequence[Inspected]) -> None:
        together = {f.product.id for f in found}
        wanted = sorted(set(chain.from_iterable(f.inputs for f in found)) - together)
        there = set(self.seen.among(wanted))
        if missing := [i for i in wanted if i not in there]:
            raise DatasetNotFoundError(
                f"no product {missing[0]}, named as an input", hint="Register inputs before what was made from them."
            )

    def _is_new(self, product: Product) -> bool:
        """Whether a product is not registered yet; the same again is no error, because answers can get lost."""
        try:
            known = self.registry.get(product.id)
        except DatasetNotFoundError:
            return True
        if known != product:
            raise ConflictError(f"{product.id} is the id of another product")
        return False

    @contextmanager
    def _noted(self, verb: str, **facts: Any) -> Iterator[None]:
        try:
            self.caller.must("submit")
            yield
        except HvenError as error:
            _log.warning("refused", verb=verb, user=self.caller.name, error=error.message, **facts)
            raise
        _log.info("changed", verb=verb, user=self.caller.name, **facts)


def _difference(disk: Product, claimed: Product) -> list[str]:
    """Names of the fields in which two records differ, or that no database keeps."""
    names = [field.name for field in fields(Product)]
    return [n for n in names if getattr(disk, n) != getattr(claimed, n) or not _is_storable(getattr(disk, n))]


def _is_storable(value: object) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not _UNSTORABLE.search(" ".join(value) if isinstance(value, tuple) else str(value))


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
