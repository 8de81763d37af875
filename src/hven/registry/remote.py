"""The registry through the API: what a kernel or a user's runner has, which may not touch the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import batched
from typing import Any

import pydantic_core

from hven.core.errors import ConfigurationError, ServiceUnavailableError
from hven.model.access import Viewer
from hven.model.annotation import Annotation
from hven.model.collection import AccessClass, Certification, Collection, CollectionKind, Validity
from hven.model.data_id import DatasetRef, TypeName
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.registry.api_client import ApiClient
from hven.registry.entries import annotation_entry, annotation_of, certification_of, quantum_entry, quantum_of
from hven.registry.protocol import ALL, Registry
from hven.registry.schema import storable
from hven.registry.wire import product_from_row, product_to_row, query_to_json, ref_to_json

_AT_ONCE = 1000


class RemoteRegistry:
    """Index of everything that the caller may see; see `hven.registry.protocol.Registry`.

    Errors are those of the registry itself, and AccessDeniedError for what the caller may not do.

    Parameters
    ----------
    url
        The API's address.
    credential
        ``token <hub token>``, or ``lease <job>:<name>`` of a runner.
    """

    def __init__(self, url: str, credential: str) -> None:
        self.api = ApiClient(url, credential)

    def __repr__(self) -> str:
        """Address."""
        return f"<RemoteRegistry {self.api.url}>"

    def caller(self) -> str:
        """Name of the person for whom the API answers."""
        return str(self.api.ask("GET", "/whoami")["name"])

    def seen_by(self, viewer: Viewer) -> Registry:
        """Refuse: the API shows what its caller may see, and knows nobody else."""
        raise ConfigurationError(f"what {viewer.name} may see is known on the server only")

    def register(
        self, products: Sequence[Product], *, inputs: Mapping[str, Sequence[str]], chosen: bool = True
    ) -> None:
        """Add published products of one's own; the API looks at each on the disk before."""
        for some in batched(products, _AT_ONCE):
            rows = [product_to_row(p) for p in some]
            links = {p.id: list(inputs.get(p.id, ())) for p in some}
            self.api.ask("POST", "/products", json={"products": rows, "inputs": links, "chosen": chosen})

    def get(self, product_id: str) -> Product:
        """Product by id; raises DatasetNotFoundError."""
        row = self.api.ask("POST", "/lookup/id", json={"id": product_id})
        return product_from_row(row)

    def find(
        self,
        type_name: TypeName | None = None,
        query: DataQuery = ALL,
        *,
        collection: str = "",
        limit: int | None = None,
    ) -> list[Product]:
        """Products that fit a query, in order of data ID."""
        body = {
            "type": str(type_name) if type_name else "", "collection": collection, "limit": limit,
            **query_to_json(query),
        }  # fmt: skip
        return [product_from_row(row) for row in self._many("/lookup/find", body)]

    def find_one(self, ref: DatasetRef, *, collection: str = "") -> Product | None:
        """Look one dataset up."""
        row = self.api.ask("POST", "/lookup/one", json={**ref_to_json(ref), "collection": collection})
        return None if row is None else product_from_row(row)

    def by_quantum(self, quantum_keys: Sequence[str], *, owner: str = "") -> dict[tuple[str, str], Product]:
        """Existing products by (quantum key, output)."""
        found: list[Product] = []
        for keys in batched(quantum_keys, _AT_ONCE):
            found += map(product_from_row, self._many("/lookup/quanta", {"keys": list(keys), "owner": owner}))
        return {(p.quantum_key, p.output): p for p in found}

    def inputs_of(self, product_id: str) -> list[str]:
        """Ids of what a product was made from."""
        return [str(found) for found in self.api.ask("POST", "/lookup/inputs", json={"id": product_id})]

    def outputs_of(self, product_id: str) -> list[str]:
        """Ids of what was made from a product."""
        return [str(found) for found in self.api.ask("POST", "/lookup/outputs", json={"id": product_id})]

    def owned(self, owner: str) -> list[Product]:
        """Products born in somebody's own runs, oldest first."""
        return [product_from_row(row) for row in self._many("/lookup/owned", {"owner": owner})]

    def protected(self, product_ids: Sequence[str]) -> dict[str, str]:
        """Why products of one's own must stay, by id."""
        found: dict[str, str] = {}
        for some in batched(product_ids, _AT_ONCE):
            found |= self.api.ask("POST", "/products/protected", json={"ids": list(some)})
        return found

    def remove(self, product_ids: Sequence[str]) -> None:
        """Forget products of one's own whose folders are gone."""
        for some in batched(product_ids, _AT_ONCE):
            self.api.ask("POST", "/products/remove", json={"ids": list(some)})

    def define(self, collection: Collection) -> None:
        """Make a collection of one's own, or change it."""
        wanted = {name: value for name, value in asdict(collection).items() if name != "groups"}
        self.api.ask("POST", "/collections", json=wanted)

    def collections(self) -> list[Collection]:
        """All collections that the caller may see, by name."""
        return [_collection(found) for found in self.api.ask("GET", "/collections")]

    def share(self, collection: str, group: str) -> None:
        """Let a group of one's own see a run of one's own."""
        self.api.ask("POST", "/collections/share", json={"collection": collection, "group": group})

    def unshare(self, collection: str, group: str) -> None:
        """Let a group see a run of one's own no longer."""
        self.api.ask("POST", "/collections/unshare", json={"collection": collection, "group": group})

    def tag(self, collection: str, product_ids: Sequence[str]) -> None:
        """Put products into a TAGGED collection of one's own."""
        self.api.ask("POST", "/collections/tag", json={"collection": collection, "products": list(product_ids)})

    def certify(
        self,
        collection: str,
        validity: Validity,
        *,
        who: str = "",  # noqa: ARG002 - the API knows
        why: str = "",
        supersede: bool = False,
    ) -> None:
        """Make a product the calibration for `[begin, end)`; the API knows who asks."""
        body = {"collection": collection, **asdict(validity), "why": why, "supersede": supersede}
        self.api.ask("POST", "/collections/certify", json=body, again=False)

    def decertify(
        self,
        collection: str,
        validity: Validity,
        *,
        who: str = "",  # noqa: ARG002 - the API knows
        why: str = "",
    ) -> None:
        """Let a product be the calibration for `[begin, end)` no longer; the API knows who asks."""
        body = {"collection": collection, **asdict(validity), "why": why}
        self.api.ask("POST", "/collections/decertify", json=body, again=False)

    def certifications(self, *, collection: str = "", history: bool = False) -> list[Certification]:
        """What is certified now, or all entries of the books, as far as the caller may see it."""
        body = {"collection": collection, "history": history}
        return [certification_of(entry) for entry in self._many("/lookup/certifications", body)]

    def calibration(self, ref: DatasetRef, time_ns: int, *, collection: str = "") -> Product:
        """Calibration valid at a time; raises CalibrationMissingError."""
        body = {**ref_to_json(ref), "time_ns": time_ns, "collection": collection}
        return product_from_row(self.api.ask("POST", "/lookup/calibration", json=body))

    def annotate(self, annotation: Annotation) -> None:
        """Keep what the caller says of data."""
        said = {k: v for k, v in annotation_entry(annotation).items() if k not in {"edit", "who", "at_ns"}}
        self.api.ask("POST", "/annotations", json=said)

    def annotations(self) -> list[Annotation]:
        """What people have said, oldest first."""
        return [annotation_of(found) for found in self.api.ask("GET", "/annotations")]

    def record_quanta(self, records: Sequence[QuantumRecord]) -> None:
        """Keep how quanta of one's own runs ended."""
        for some in batched(records, _AT_ONCE):
            self.api.ask("POST", "/quanta", json=[_sendable(record) for record in some])

    def quanta(
        self, *, run: str = "", state: QuantumState | None = None, output: str = "", query: DataQuery = ALL
    ) -> list[QuantumRecord]:
        """Quantum records, newest first."""
        body = {"run": run, "state": state, "output": output, **query_to_json(query)}
        return [quantum_of(entry) for entry in self._many("/quanta/find", body)]

    def history(self, task: str, *, version: str = "", limit: int | None = None) -> list[QuantumRecord]:
        """Newest records of quanta of a task that were computed and not found."""
        body = {"task": task, "version": version, "limit": limit}
        return [quantum_of(entry) for entry in self._many("/quanta/history", body)]

    def close(self) -> None:
        """Close connections."""
        self.api.close()

    def _many(self, path: str, body: dict[str, Any]) -> Iterator[Any]:
        """Rows of a long answer, which ends with their number."""
        count = 0
        for line in self.api.lines(path, body):
            rows = pydantic_core.from_json(line)
            if isinstance(rows, int):
                if rows == count:
                    return
                break
            count += len(rows)
            yield from rows
        raise ServiceUnavailableError(f"the API at {self.api.url} broke off its answer after {count} rows")


def _sendable(record: QuantumRecord) -> dict[str, Any]:
    texts = {name: storable(getattr(record, name)) for name in ("error", "traceback")}
    return {**quantum_entry(record), **texts}


def _collection(found: Mapping[str, Any]) -> Collection:
    kind, access = CollectionKind(found["kind"]), AccessClass(found["access"])
    return Collection(found["name"], kind, access, found["doc"], tuple(found["children"]), tuple(found["groups"]))
