"""The small record by which a product is indexed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hven.model.data_id import DatasetRef


@dataclass(frozen=True, slots=True)
class Product:
    """One published version of a dataset, as the registry knows it.

    Parameters
    ----------
    id
        UUIDv7, also the name of the version's folder.
    ref
        Dataset type and data ID.
    run
        RUN collection in which it was born.
    path
        Version folder, relative to the data root.
    form
        ``array`` or ``table``.
    begin_ns, end_ns
        Time span of the data, UTC nanoseconds, half-open; both 0 where the data have no times.
    rows, size_bytes
        Length along the row dim, and bytes on disk.
    digest
        Content digest (structure, coordinates, arrays; not provenance).
    quantum_key, output
        Identity of what made it; empty for raw and saved products.
    task
        Task that made it.
    schema_version
        Of its dataset type.
    created_ns, user, site
        When, by whom and where it was made.
    flags
        E.g. ``partial``.
    """

    id: str
    ref: DatasetRef
    run: str
    path: PurePosixPath
    form: str
    begin_ns: int
    end_ns: int
    rows: int
    size_bytes: int
    digest: str
    created_ns: int
    user: str
    site: str
    schema_version: str
    task: str = ""
    quantum_key: str = ""
    output: str = ""
    flags: tuple[str, ...] = field(default=())

    @property
    def timed(self) -> bool:
        """Whether its data have times."""
        return (self.begin_ns, self.end_ns) != (0, 0)
