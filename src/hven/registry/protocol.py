"""The registry's seam: direct (SQL) on the server, remote (HTTP to the API) for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hven.model.access import Viewer
from hven.model.annotation import Annotation
from hven.model.collection import Certification, Collection, Validity
from hven.model.data_id import DatasetRef, TypeName
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery

ALL = DataQuery()
"""The query that everything fits."""


class Registry(Protocol):
    """Index of everything on disk. Thread-safe; one process owns the writing."""

    def seen_by(self, viewer: Viewer) -> Registry:
        """The same as somebody may see it; only a registry on the server knows that."""
        ...

    def register(
        self, products: Sequence[Product], *, inputs: Mapping[str, Sequence[str]], chosen: bool = True
    ) -> None:
        """Add published products in one transaction and tag them in their instrument's `<instrument>/defaults`.

        A product that is there already (same id) is a no-op. `inputs` gives, by product id, the ids of what it was
        made from. Products that are not `chosen` wait for somebody's acceptance: they are found in their run only.
        """
        ...

    def get(self, product_id: str) -> Product:
        """Product by id; raises DatasetNotFoundError."""
        ...

    def find(
        self,
        type_name: TypeName | None = None,
        query: DataQuery = ALL,
        *,
        collection: str = "",
        limit: int | None = None,
    ) -> list[Product]:
        """Products of a type (all types if None) that fit a query, in order of data ID.

        Without a collection the instrument's defaults are searched: one product for each dataset.
        """
        ...

    def find_one(self, ref: DatasetRef, *, collection: str = "") -> Product | None:
        """Look one dataset up."""
        ...

    def by_quantum(self, quantum_keys: Sequence[str], *, owner: str = "") -> dict[tuple[str, str], Product]:
        """Existing products by (quantum key, output): the observatory's, and those of `owner` where it has none."""
        ...

    def inputs_of(self, product_id: str) -> list[str]:
        """Ids of what a product was made from."""
        ...

    def outputs_of(self, product_id: str) -> list[str]:
        """Ids of what was made from a product."""
        ...

    def owned(self, owner: str) -> list[Product]:
        """Products born in somebody's own runs, oldest first."""
        ...

    def protected(self, product_ids: Sequence[str]) -> dict[str, str]:
        """Why products must stay, by id: others' products were made from them, or collections of others hold them."""
        ...

    def remove(self, product_ids: Sequence[str]) -> None:
        """Forget products whose folders are gone; ids that are not known do no harm.

        Raises ConflictError, and forgets none, when one is protected.
        """
        ...

    def define(self, collection: Collection) -> None:
        """Make a collection, or change its access class, text or children (journaled)."""
        ...

    def collections(self) -> list[Collection]:
        """All collections, by name."""
        ...

    def share(self, collection: str, group: str) -> None:
        """Let a Unix group see a run of somebody's own (journaled); ConfigurationError for other collections."""
        ...

    def unshare(self, collection: str, group: str) -> None:
        """Let a group see a run no longer (journaled)."""
        ...

    def tag(self, collection: str, product_ids: Sequence[str]) -> None:
        """Put products into a TAGGED collection, replacing those of the same type and data ID (journaled)."""
        ...

    def certify(
        self, collection: str, validity: Validity, *, who: str = "", why: str = "", supersede: bool = False
    ) -> None:
        """Make a product the calibration for `[begin, end)` (journaled).

        Raises ConflictError where the range overlaps another of the same type and scope; with `supersede` the other
        loses what overlaps, and the books keep that it had it.
        """
        ...

    def decertify(self, collection: str, validity: Validity, *, who: str = "", why: str = "") -> None:
        """Let a product be the calibration for `[begin, end)` no longer (journaled); ConflictError where it is not."""
        ...

    def certifications(self, *, collection: str = "", history: bool = False) -> list[Certification]:
        """What is certified now, by collection, type, scope and time; or all entries of the books, oldest first."""
        ...

    def calibration(self, ref: DatasetRef, time_ns: int, *, collection: str = "") -> Product:
        """Calibration valid at a time; raises CalibrationMissingError."""
        ...

    def annotate(self, annotation: Annotation) -> None:
        """Keep what somebody says of data (journaled).

        UnknownNameError for a retraction of what is not there, ConflictError for a second one.
        """
        ...

    def annotations(self) -> list[Annotation]:
        """What people have said, oldest first, with what was retracted and the retractions."""
        ...

    def record_quanta(self, records: Sequence[QuantumRecord]) -> None:
        """Keep how quanta ended (journaled); a later record of the same quantum and run replaces the former."""
        ...

    def quanta(
        self, *, run: str = "", state: QuantumState | None = None, output: str = "", query: DataQuery = ALL
    ) -> list[QuantumRecord]:
        """Quantum records, newest first."""
        ...

    def history(self, task: str, *, version: str = "", limit: int | None = None) -> list[QuantumRecord]:
        """Newest records of quanta of a task, of one version or of all, that were computed and not found."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
