"""Publish products: written beside their final place, checked, and made visible by one rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import xarray as xr

from hven.core.errors import ConflictError, SchemaError
from hven.model.content_digest import digest_dataset
from hven.model.data_id import DatasetRef
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.store import arrays, overviews, tables
from hven.store.acl import set_acl
from hven.store.index import product_record
from hven.store.manifest import MANIFEST, PROVENANCE, Manifest, record_files
from hven.store.paths import ProductPath, data_id_folder, product_path
from hven.store.read import form_of, open_product
from hven.store.small_file import write_durably
from hven.store.staging import fsync_folder, make_part, make_read_only, seal_folder, unlock
from hven.store.version import new_version

_SYNCED_AT_ONCE = 8
_READ_AT_ONCE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What somebody has read back from the disk already: the dataset, in memory or lazy, and its content digest."""

    dataset: xr.Dataset
    digest: str


@dataclass(slots=True)
class Staging:
    """A product that is being written, invisible until `publish`; leaving the `with` block without it removes all.

    Parameters
    ----------
    root
        Data root.
    ref
        Dataset that it will be a version of.
    id
        UUIDv7, name of the version.
    user
        Owner of a user-generated product.
    path
        Folder to write in; give it to `hven.store.arrays` or `hven.store.tables`.
    acl
        Access control list that its folder will have; empty leaves what the place has decided.
    """

    root: Path
    ref: DatasetRef
    id: str
    user: str
    path: Path
    acl: str
    _lock: int

    def publish(
        self,
        provenance: Provenance,
        dataset_type: DatasetType,
        *,
        flags: Iterable[str] = (),
        read: ReadBack | None = None,
        threads: int = 1,
    ) -> Product:
        """Check what was written, describe it, and make it visible under its version.

        Parameters
        ----------
        provenance
            Record whose `id` is this staging's.
        dataset_type
            Declaration that the data must fit.
        flags
            Added to the provenance's own, e.g. ``partial``.
        read
            What the caller has read back already; else the data are read here.
        threads
            Threads that hash.

        Raises
        ------
        SchemaError
            When the data do not fit the declaration, or the provenance belongs to something else.
        ConflictError
            When this version is there already.
        """
        if (provenance.id, provenance.dataset_type) != (self.id, str(self.ref.type)):
            raise SchemaError(f"provenance of {provenance.id} {provenance.dataset_type} for {self.id} {self.ref.type}")
        record = provenance.model_copy(update={"flags": tuple(sorted({*provenance.flags, *flags}))})
        form = form_of(self.path)
        if form == "array":
            arrays.check_complete(self.path)
            overviews.join(self.path)
        manifest = self._describe(record, form, dataset_type, read, threads)
        _seal(self.path, (file.path for file in manifest.files))
        if self.acl:
            set_acl(self.path, self.acl)
        final = self.root / product_path(self.ref, self.id, user=self.user)
        if final.exists():
            raise ConflictError(f"{final} is there already")
        self.path.rename(final)
        fsync_folder(final.parent)
        named = ProductPath(self.ref, self.id, self.user)
        return product_record(named, record.model_dump(mode="json"), manifest.model_dump(mode="json"))

    def _describe(
        self, provenance: Provenance, form: str, dataset_type: DatasetType, read: ReadBack | None, threads: int
    ) -> Manifest:
        dataset = read.dataset if read else _written(self.path, form)
        dataset_type.check(dataset)
        begin, end = time_span(dataset)
        (self.path / PROVENANCE).write_bytes(provenance.model_dump_json(indent=1).encode())
        manifest = Manifest(
            form=form,
            rows=dataset.sizes.get(dataset_type.row_dim, 0),
            begin_ns=begin,
            end_ns=end,
            content_digest=read.digest if read else digest_dataset(dataset, threads=threads),
            files=record_files(self.path, seal=True),
        ).sealed()
        write_durably(self.path / MANIFEST, manifest.model_dump_json(indent=1))
        make_read_only(self.path / MANIFEST)
        return manifest

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Remove what was not published."""
        if self.path.exists():
            unlock(self.path)
            shutil.rmtree(self.path)
        os.close(self._lock)


def stage(root: Path, ref: DatasetRef, *, user: str = "", version: str | None = None, acl: str = "") -> Staging:
    """Begin a product: a locked folder in the place where its versions lie.

    Parameters
    ----------
    root
        Data root.
    ref
        Dataset type and data ID.
    user
        Owner of a user-generated product; empty for the observatory's own.
    version
        UUIDv7 chosen before; a new one by default.
    acl
        Who may read it; see `hven.store.classes`. Until it is published it is closed to everybody else.

    Examples
    --------
    ::

        with stage(root, ref) as staging:
            arrays.write(staging.path, dataset_type, dataset)
            product = staging.publish(provenance, dataset_type)
    """
    identifier = version or new_version()
    path, lock = make_part(root / data_id_folder(ref, user=user), identifier)
    if acl:
        path.chmod(0o700)
    return Staging(Path(root), ref, identifier, user, path, acl, lock)


def _written(folder: Path, form: str) -> xr.Dataset:
    """What lies on the disk: a small table in memory, all else read where it is asked for."""
    if form == "table" and tables.size_bytes(folder) <= _READ_AT_ONCE_BYTES:
        return tables.read_all(folder)
    return open_product(folder, chunks=None, indexes=False)


def time_span(dataset: xr.Dataset) -> tuple[int, int]:
    """First time and the nanosecond after the last one; (0, 0) where there are none.

    Looks at `time`, else at `begin` and `end`, else at all times.
    """
    times = {str(n): v for n, v in dataset.variables.items() if v.dtype.kind == "M" and v.size}
    if "time" in times:
        times = {"time": times["time"]}
    elif {"begin", "end"} <= times.keys():
        times = {name: times[name] for name in ("begin", "end")}
    lowest, highest = [], []
    for name, variable in times.items():
        values = variable.values.astype("datetime64[ns]").view("int64")
        values = values[values != _NAT]
        if values.size:
            lowest.append(int(values.min()))
            highest.append(int(values.max()) + (name != "end"))
    return (min(lowest), max(highest)) if lowest else (0, 0)


_NAT = -(2**63)


def _seal(folder: Path, files: Iterable[str]) -> None:
    """Make folders read-only and durable, as their files are; together, because the disk takes many at once."""
    below = {parent for name in files for parent in PurePosixPath(name).parents[:-1]}
    folders = [*(f"{folder}/{path}" for path in below), str(folder)]
    if not below:
        seal_folder(str(folder))
        return
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        list(pool.map(lambda n: [*map(seal_folder, folders[n::_SYNCED_AT_ONCE])], range(_SYNCED_AT_ONCE)))
