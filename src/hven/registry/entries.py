"""Records as journal entries and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from hven.core.clock import now_ns
from hven.model.annotation import Annotation, Kind
from hven.model.collection import AccessClass, Certification, Collection, CollectionKind, Edit, Validity
from hven.model.data_id import DataId, DatasetRef
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.retention import Expired, Hold
from hven.registry.rows import scope

Entry = dict[str, Any]


def collection_entry(collection: Collection) -> Entry:
    """Write a collection down."""
    return {"edit": "define", "at_ns": now_ns(), **asdict(collection)}


def tag_entry(collection: str, product_ids: Sequence[str]) -> Entry:
    """Write a tag down."""
    return {"edit": "tag", "at_ns": now_ns(), "collection": collection, "products": list(product_ids)}


def certification_entry(certification: Certification) -> Entry:
    """Write down that a product is certified, or no longer."""
    return {**{k: v for k, v in asdict(certification).items() if k != "validity"}, **asdict(certification.validity)}


def share_entry(collection: str, group: str, *, revoked: bool) -> Entry:
    """Write down that a run is shared with a group, or no longer."""
    return {"edit": "unshare" if revoked else "share", "at_ns": now_ns(), "collection": collection, "group": group}


def hold_entry(hold: Hold, *, released: bool) -> Entry:
    """Write down that something is held, or no longer."""
    return {"edit": "unhold" if released else "hold", **asdict(hold)}


def expiry_entry(some: Sequence[Expired]) -> Entry:
    """Write down that products have expired, all by one call."""
    return {"edit": "expire", "at_ns": now_ns(), "products": [asdict(one) for one in some]}


def return_entry(product_ids: Sequence[str]) -> Entry:
    """Write down that expired products have come back."""
    return {"edit": "bring back", "at_ns": now_ns(), "products": list(product_ids)}


def annotation_entry(annotation: Annotation) -> Entry:
    """Write down what somebody said."""
    names = (field.name for field in fields(annotation) if field.name != "data_id")
    said = {name: getattr(annotation, name) for name in names}
    return {"edit": "annotate", **said, "data_id": dict(annotation.data_id)}


def quantum_entry(record: QuantumRecord) -> Entry:
    """Write a quantum record down."""
    names = (field.name for field in fields(record) if field.name != "data_id")
    return {**{name: getattr(record, name) for name in names}, "data_id": dict(record.data_id)}


def collection_of(entry: Entry) -> Collection:
    """Read a collection."""
    return Collection(
        entry["name"],
        CollectionKind(entry["kind"]),
        AccessClass(entry["access"]),
        entry["doc"],
        tuple(entry["children"]),
    )


def certification_of(entry: Entry, ref: DatasetRef | None = None) -> Certification:
    """Read a certification; an older entry does not say what `ref`, its product, is."""
    return Certification(
        Edit(entry["edit"]),
        entry["collection"],
        Validity(entry["product_id"], entry["begin_ns"], entry["end_ns"]),
        entry.get("dataset_type") or str(ref.type if ref else ""),
        entry.get("scope") or (scope(ref) if ref else ""),
        entry.get("who", ""),
        entry.get("why", ""),
        entry["at_ns"],
    )


def hold_of(entry: Entry) -> Hold:
    """Read a hold."""
    return Hold(entry["target"], entry["who"], entry["reason"], entry["at_ns"])


def expiries_of(entry: Entry) -> list[Expired]:
    """Read what has expired."""
    return [Expired(**one) for one in entry["products"]]


def annotation_of(entry: Entry) -> Annotation:
    """Read what somebody said."""
    values = {field.name: entry[field.name] for field in fields(Annotation)}
    return Annotation(**{**values, "kind": Kind(entry["kind"]), "data_id": DataId(entry["data_id"])})


def quantum_of(entry: Entry) -> QuantumRecord:
    """Read a quantum record."""
    values = {
        **entry,
        "data_id": DataId(entry["data_id"]),
        "state": QuantumState(entry["state"]),
        "outputs": tuple(entry["outputs"]),
        "products": tuple(entry["products"]),
        "workers": tuple((worker, wall_s) for worker, wall_s in entry.get("workers", ())),
    }
    return QuantumRecord(**values)
