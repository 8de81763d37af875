"""Bring a product back that has expired or lies in the trash, and hold it."""

from __future__ import annotations

from collections.abc import Iterator

from hven.core.clock import now_ns
from hven.core.errors import ConflictError, DatasetNotFoundError
from hven.core.settings import Settings
from hven.model.product import Product
from hven.model.retention import Hold
from hven.registry.direct import DirectRegistry
from hven.retention.apply import finish, must_own
from hven.retention.audit import Audit, Deed
from hven.store import trash
from hven.store.index import inputs_at, read_product
from hven.store.trash import Trashed

RESTORE = "restore"


def restore(
    registry: DirectRegistry, settings: Settings, audit: Audit, product_id: str, *, who: str, reason: str
) -> Product:
    """Bring a product back, with what it was made from, and hold it: its rule would let it go again.

    Raises
    ------
    DatasetNotFoundError
        When it is not there, nor in the trash.
    ConflictError
        When it has not expired, or something it was made from is no longer there.
    AccessDeniedError
        As of `hven.retention.apply.apply`.
    """
    must_own(settings)
    with trash.only_one(registry.root):
        finish(registry, settings, besides=product_id)
        note = _note(registry, product_id)
        if note is None and product_id not in registry.expiries():
            raise _not_there(registry, product_id)
        lies = note is not None and trash.lies_in_trash(registry.root, note)
        path = note.path if note else registry.get(product_id).path
        inputs = inputs_at(registry.root, trash.TRASH / product_id if lies else path)
        _must_be_there(registry, product_id, inputs)
        audit.note([Deed(who, RESTORE, product_id, reason=reason)])
        if note is not None and lies:
            trash.put_back(registry.root, note)
        product = read_product(registry.root, path)
        expired = [registry.get(i) for i in _expired(registry, inputs)]
        hold = Hold(product_id, who, reason, now_ns())
        registry.bring_back([*expired, product], inputs={product.id: inputs}, hold=hold)
        if note is not None:
            trash.forget(registry.root, note)
    return product


def _note(registry: DirectRegistry, product_id: str) -> Trashed | None:
    """Note of a product that lies in the trash, or whose restoration was interrupted: it is back, and not known."""
    note = next((one for one in trash.notes(registry.root) if one.id == product_id), None)
    if note is None or trash.lies_in_trash(registry.root, note):
        return note
    is_back = (registry.root / note.path).is_dir() and not registry.among([product_id])
    return note if is_back else None


def _not_there(registry: DirectRegistry, product_id: str) -> ConflictError | DatasetNotFoundError:
    if registry.among([product_id]):
        return ConflictError(f"product {product_id} has not expired", hint="`hven hold add` keeps it from doing so.")
    return DatasetNotFoundError(
        f"product {product_id} is not there, nor in the trash", hint=f"`hven retention log {product_id}` may know more."
    )


def _must_be_there(registry: DirectRegistry, product_id: str, inputs: list[str]) -> None:
    there = set(registry.among(inputs))
    for missing in (i for i in inputs if i not in there):
        raise ConflictError(
            f"product {missing}, from which {product_id} was made, is not there",
            hint="Restore it first, if it is still in the trash.",
        )


def _expired(registry: DirectRegistry, inputs: list[str]) -> Iterator[str]:
    """Those of the inputs, and of theirs in turn, that have expired."""
    expired, seen, queue = registry.expiries(), set[str](), list(inputs)
    while queue:
        product_id = queue.pop()
        if product_id not in seen:
            seen.add(product_id)
            queue += registry.inputs_of(product_id)
            if product_id in expired:
                yield product_id
