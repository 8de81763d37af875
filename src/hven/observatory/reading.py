"""Find and open products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hven.core.errors import DatasetNotFoundError
from hven.model.annotation import bad as marks_of
from hven.model.annotation import good, mark_of, marked_times
from hven.model.collection import owner_of
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.model.query import DataQuery
from hven.observatory.describe import Description
from hven.observatory.messages import not_there, nothing_fits, several
from hven.observatory.names import bare, check_level, means
from hven.observatory.table import table
from hven.observatory.view import View

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hven.observatory.explain import Explanation
    from hven.observatory.opening import Chunks

SHARDS: Chunks = {}
"""Dask chunks that are whole shards."""


class Reading(View):
    """Finding and opening an observatory's products.

    Data ID keys (`instrument, day_obs, observation, detector`, ...) are keywords of most methods; those that are not
    needed to tell datasets apart may be left out.
    """

    def find(
        self,
        dataset_type: str = "",
        *,
        level: str | None = None,
        where: str = "",
        collection: str = "",
        bad: bool = False,
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
        bad
            Also what people have marked bad. A dataset of which only a part of the time is marked is found; `open`
            leaves the rows of that time out.
        data_id
            Data ID keys; a list allows any of its values.

        Returns
        -------
        pandas.DataFrame
            One row for each product; columns `level, type`, data ID keys, `begin, end, created` (UTC), `rows, size`
            (bytes), `flags, task, run, user, id, path`. `begin` and `end` of what has no times are NaT.

        Raises
        ------
        UnknownNameError
            For a type or level that does not exist; it lists those that do.
        """
        found = self.query(dataset_type, level=level, where=where, collection=collection, bad=bad, **data_id)
        return table(found, () if found else self._expected_keys(dataset_type, level, data_id))

    def _expected_keys(self, dataset_type: str, level: str | None, data_id: Iterable[str]) -> set[str]:
        """Data ID keys that what fits would have, as far as they are declared."""
        name = bare(dataset_type)
        fitting = (t for t in self.dataset_types if name in {"", t.name} and level in {None, t.level})
        return {"instrument", *data_id, *(key for declared in fitting for key in declared.keys)}

    def query(
        self,
        dataset_type: str = "",
        *,
        level: str | None = None,
        where: str = "",
        collection: str = "",
        bad: bool = False,
        **data_id: object,
    ) -> list[Product]:
        """Products that fit, as records; see `find`."""
        found = self._query(dataset_type, level, DataQuery.of(where, **data_id), collection)
        return found if bad else good(marks_of(self.registry.annotations()), found)

    def _query(self, dataset_type: str, level: str | None, query: DataQuery, collection: str) -> list[Product]:
        check_level(level)
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
        bad: bool = False,
        **data_id: object,
    ) -> xr.Dataset:
        """Open the one dataset that fits, lazily.

        Parameters
        ----------
        dataset_type, level, where, collection, bad, data_id
            As in `find`; `level` may be left out where the type exists at one.
        chunks
            ``{}`` gives Dask arrays in whole shards; None loads without Dask on access.

        Raises
        ------
        DatasetNotFoundError
            When nothing fits, or what does is marked bad; it says why.
        AmbiguousNameError
            When several datasets fit; it lists them.
        """
        found = self.one(dataset_type, level, where=where, collection=collection, bad=bad, **data_id)
        return self.open_product(found, chunks=chunks) if bad else self._open_unmarked(found, chunks=chunks)

    def _open_unmarked(self, product: Product, *, chunks: Chunks = SHARDS) -> xr.Dataset:
        """Open a product without rows of a time that somebody has marked bad."""
        from hven.store.unmarked import without

        times = marked_times(marks_of(self.registry.annotations()), product)
        return without(self.open_product(product, chunks=chunks), times)

    def one(
        self,
        dataset_type: str,
        level: str | None = None,
        *,
        where: str = "",
        collection: str = "",
        bad: bool = False,
        **data_id: object,
    ) -> Product:
        """Record of the one dataset that fits; raises as `open` does."""
        if not owner_of(collection):
            declared = self.dataset_type(dataset_type, level)
            level = str(declared.level)
            quick = self._one_by_key(declared, data_id) if not where and not collection else None
            if quick is not None:
                return self._unmarked([quick], bad=bad)[0]
        query = DataQuery.of(where, **data_id)
        there = self._query(dataset_type, level, query, collection)
        if not there:
            raise not_there(self, dataset_type, level, query, collection)
        found = self._unmarked(there, bad=bad)
        if len(found) > 1:
            raise several(found)
        return found[0]

    def _unmarked(self, found: list[Product], *, bad: bool) -> list[Product]:
        """Those that nobody has marked bad, or all; DatasetNotFoundError where none is left."""
        marks = [] if bad else marks_of(self.registry.annotations())
        left = good(marks, found)
        if not left:
            raise DatasetNotFoundError(
                f"{found[0].ref} is {mark_of(marks, found[0])}", hint="bad=True opens it nevertheless."
            )
        return left

    def open_product(self, product: Product, *, chunks: Chunks = SHARDS) -> xr.Dataset:
        """Open exactly this version of a product, lazily."""
        from hven.observatory import opening

        return opening.open_product(self.root, product, chunks=chunks)

    def overview(
        self,
        product: Product,
        variable: str,
        *,
        cells: int = 2000,
        begin_ns: int | None = None,
        end_ns: int | None = None,
    ) -> xr.Dataset:
        """Min, max and mean of a variable in at most so many cells along the rows; see `hven.store.overview_read`.

        Raises
        ------
        UnknownNameError
            When the variable has no overview.
        """
        from hven.store.overview_read import read_overview

        folder = self.root / product.path
        return read_overview(folder, variable, max_points=cells, begin_ns=begin_ns, end_ns=end_ns)

    def tree(self, *, level: str = "L1", where: str = "", collection: str = "", **data_id: object) -> xr.DataTree:
        """Tree of all products of one observation at a level, e.g. ``tree.module_254.ph1024``.

        Raises
        ------
        DatasetNotFoundError
            When nothing fits.
        AmbiguousNameError
            When several observations fit.
        """
        from hven.observatory.tree import tree

        found = self.query("", level=level, where=where, collection=collection, bad=False, **data_id)
        if not found:
            raise nothing_fits(f"{level} product", DataQuery.of(where, **data_id), collection)
        return tree(found, self._open_unmarked, self.instruments)

    def describe(self, dataset_type: str, level: str | None = None) -> Description:
        """What a dataset type holds: variables with dims, dtype, units and meaning."""
        return Description(self.dataset_type(dataset_type, level))

    def explain(self, dataset_type: str, level: str | None = None, **data_id: object) -> Explanation:
        """Why a product is there or not: the chain back to its raw files, and its first broken link."""
        from hven.observatory.explain import explain

        return explain(self, self.dataset_type(dataset_type, level), DataQuery.of(**data_id))  # type: ignore[arg-type] # `where` is no data ID key

    def provenance(self, product: Product | str) -> Provenance:
        """Provenance record of a product, by record or id."""
        from hven.store.records import read_provenance

        found = self.product(product) if isinstance(product, str) else product
        return read_provenance(self.root / found.path)

    def quality(self, product: Product) -> pd.DataFrame:
        """Metrics of a QC product with the thresholds valid at the data's time and the status that follows.

        Returns
        -------
        pandas.DataFrame
            Columns `metric, unit, begin, end, grain, value, status, advice, lower, upper, lower_err, upper_err`.
        """
        from hven.qc.queries import judged

        thresholds = self.instruments[product.ref.type.instrument].resources / "thresholds.yaml"
        metrics = self.open_product(product, chunks=None).to_dataframe().reset_index(drop=True)
        return judged(metrics, thresholds, product.ref.type.name.removesuffix(".qc"))

    def _one_by_key(self, declared: DatasetType, values: dict[str, Any]) -> Product | None:
        given = {"instrument": declared.instrument, **values}
        if set(given) != set(declared.keys) or any(isinstance(v, (list, tuple, set, range)) for v in given.values()):
            return None
        return self.registry.find_one(DatasetRef(declared.type_name, DataId(given)))

    def _type_names(self, name: str, level: str | None, collection: str) -> list[TypeName]:
        if not owner_of(collection):
            if level is None and "/" not in name:
                fitting = [t.type_name for t in self.dataset_types if t.name == name]
                if fitting:
                    return fitting
            return [self.dataset_type(name, level).type_name]
        found = {p.ref.type for p in self.registry.find(None, collection=collection)}
        return sorted(t for t in found if means(name, t))
