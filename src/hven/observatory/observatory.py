"""An observatory: its data, its pipelines, its cluster."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hven import instruments
from hven.core.errors import AmbiguousNameError, DatasetNotFoundError
from hven.core.settings import Settings
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.observatory.names import resolve
from hven.observatory.table import table
from hven.registry.protocol import Registry

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Chunks = dict[str, int] | str | None
SHARDS: Chunks = {}
"""Dask chunks that are whole shards."""

_LISTED = 10


class Observatory:
    """Everything one does with an observatory's data; `hven.connect` makes it.

    Data ID keys (`instrument, day_obs, observation, detector`, ...) are keywords of most methods; those that are not
    needed to tell datasets apart may be left out.

    Parameters
    ----------
    settings
        Of its site.
    registry
        Index of its products.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry

    def __repr__(self) -> str:
        """Name and data root."""
        return f"<Observatory {self.settings.observatory.name}: {self.root}>"

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give connections back."""
        self.registry.close()

    @property
    def root(self) -> Path:
        """Data root."""
        return self.settings.root

    @cached_property
    def instruments(self) -> dict[str, Instrument]:
        """Instruments of this observatory, by name."""
        return {name: instruments.load(name) for name in self.settings.instruments}

    @property
    def dataset_types(self) -> list[DatasetType]:
        """Declared dataset types of all instruments, by level and name."""
        declared = (t for instrument in self.instruments.values() for t in instrument.dataset_types)
        return sorted(declared, key=lambda t: t.type_name)

    def dataset_type(self, name: str, level: str | None = None) -> DatasetType:
        """Declaration of a dataset type.

        Raises
        ------
        UnknownNameError
            For a type that does not exist; it lists those that do.
        AmbiguousNameError
            When `level` is left out and the type exists at several.
        """
        return resolve(name, level, self.dataset_types)

    def find(
        self,
        dataset_type: str = "",
        *,
        level: str | None = None,
        where: str = "",
        collection: str = "",
        **data_id: object,
    ) -> pd.DataFrame:
        """Table of the products that fit.

        Parameters
        ----------
        dataset_type
            E.g. ``panoseti.ph1024``; all types if empty.
        level
            ``L0``, ``L1`` or ``L2``; all levels at which the type exists if left out.
        where
            Condition, e.g. ``'detector in (1, 3) and begin > "2025-10-22T07:00"'``.
        collection
            Where to look; by default what is current.
        data_id
            Data ID keys; a list allows any of its values.

        Returns
        -------
        pandas.DataFrame
            One row for each product; columns `level, type`, data ID keys, `begin, end, created` (UTC), `rows, size`
            (bytes), `flags, task, run, user, id, path`.
        """
        return table(self.query(dataset_type, level=level, where=where, collection=collection, **data_id))

    def query(
        self,
        dataset_type: str = "",
        *,
        level: str | None = None,
        where: str = "",
        collection: str = "",
        **data_id: object,
    ) -> list[Product]:
        """Products that fit, as records; see `find`."""
        query = DataQuery.of(where, **data_id)
        if not dataset_type:
            found = self.registry.find(None, query, collection=collection)
            return [p for p in found if level is None or p.ref.type.level == level]
        names = [
            name for name in self._type_names(dataset_type, level, collection) if level is None or name.level == level
        ]
        return [p for name in names for p in self.registry.find(name, query, collection=collection)]

    def product(self, product_id: str) -> Product:
        """Product by id; raises DatasetNotFoundError."""
        return self.registry.get(product_id)

    def open(
        self,
        dataset_type: str,
        level: str | None = None,
        *,
        chunks: Chunks = SHARDS,
        where: str = "",
        collection: str = "",
        **data_id: object,
    ) -> xr.Dataset:
        """Open the one dataset that fits, lazily.

        Parameters
        ----------
        dataset_type, level, where, collection, data_id
            As in `find`; `level` may be left out where the type exists at one.
        chunks
            ``{}`` gives Dask arrays in whole shards; None loads without Dask on access.

        Raises
        ------
        DatasetNotFoundError
            When nothing fits; it says why.
        AmbiguousNameError
            When several datasets fit; it lists them.
        """
        return self.open_product(
            self.one(dataset_type, level, where=where, collection=collection, **data_id), chunks=chunks
        )

    def one(
        self, dataset_type: str, level: str | None = None, *, where: str = "", collection: str = "", **data_id: object
    ) -> Product:
        """Record of the one dataset that fits; raises as `open` does."""
        if not collection.startswith("u/"):
            declared = self.dataset_type(dataset_type, level)
            level = str(declared.level)
            quick = self._one_by_key(declared, data_id) if not where and not collection else None
            if quick is not None:
                return quick
        found = self.query(dataset_type, level=level, where=where, collection=collection, **data_id)
        if not found:
            keys = ", ".join(f"{k}={v}" for k, v in data_id.items()) or "any data ID"
            raise DatasetNotFoundError(f"there is no {level or ''} {dataset_type} with {keys}".replace("no  ", "no "))
        if len(found) > 1:
            raise _several(found)
        return found[0]

    def open_product(self, product: Product, *, chunks: Chunks = SHARDS) -> xr.Dataset:
        """Open exactly this version of a product, lazily."""
        from hven.observatory import opening  # noqa: PLC0415 - xarray is slow to import

        return opening.open_product(self.root, product, chunks=chunks)

    def overview(
        self,
        product: Product,
        variable: str,
        *,
        max_points: int = 2000,
        begin_ns: int | None = None,
        end_ns: int | None = None,
    ) -> xr.Dataset:
        """Min, max and mean of a variable along the rows, in at most so many points; reads little.

        See `hven.store.overview_read.read_overview`.
        """
        from hven.store.overview_read import read_overview  # noqa: PLC0415 - zarr is slow to import

        folder = self.root / product.path
        return read_overview(folder, variable, max_points=max_points, begin_ns=begin_ns, end_ns=end_ns)

    def _one_by_key(self, declared: DatasetType, values: dict[str, Any]) -> Product | None:
        given = {"instrument": declared.instrument, **values}
        if set(given) != set(declared.keys) or any(isinstance(v, (list, tuple, set, range)) for v in given.values()):
            return None
        return self.registry.find_one(DatasetRef(declared.type_name, DataId(given)))

    def _type_names(self, name: str, level: str | None, collection: str) -> list[TypeName]:
        if not collection.startswith("u/"):
            wanted = name.partition("/")[2] or name
            if level is None and "/" not in name:
                fitting = [t.type_name for t in self.dataset_types if t.name == wanted]
                if fitting:
                    return fitting
            return [self.dataset_type(name, level).type_name]
        found = {p.ref.type for p in self.registry.find(None, collection=collection)}
        wanted = name.partition("/")[2] or name
        return sorted(t for t in found if wanted in {t.name, t.name.partition(".")[2]})


def _several(found: list[Product]) -> AmbiguousNameError:
    differing = [key for key in found[0].ref.data_id if len({p.ref.data_id.get(key) for p in found}) > 1]
    listed = "\n".join(f"    {p.ref} {p.id}" for p in found[:_LISTED])
    more = f"\n    and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    keys = ", ".join(differing) or "collection"
    return AmbiguousNameError(f"{len(found)} datasets fit:\n{listed}{more}", hint=f"Add one of: {keys}.")
