"""Read products of either form: lazily through xarray, or rows straight into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

import dask  # noqa: F401 - xarray would load it at the first reading, which only one thread may do
import numpy as np
import xarray as xr
import zarr

from hven.core.errors import ChecksumError, DatasetNotFoundError, UnknownNameError
from hven.store import arrays, tables
from hven.store.opened import open_array

WHOLE_SHARDS: Mapping[str, int] = MappingProxyType({})
_OWN = frozenset({"units", "calendar"})
_LOADING = Lock()


def open_product(
    folder: Path, *, chunks: Mapping[str, int] | str | None = WHOLE_SHARDS, indexes: bool = True
) -> xr.Dataset:
    """Open a product lazily, its variables in the order of their declaration.

    Parameters
    ----------
    folder
        Version folder.
    chunks
        Dask arrays whose chunks are whole shards, unless given as in `xarray.open_dataset`; None loads on access
        without Dask.
    indexes
        Make indexes of coordinates, which reads them.

    Raises
    ------
    DatasetNotFoundError
        When there is no product in the folder.
    """
    folder = Path(folder)
    if chunks is not None:
        _load_dask_arrays()
    if form_of(folder) == "table":
        dataset = tables.open_table(folder)
        return dataset if chunks is None else dataset.chunk(chunks or {tables.row_dim(folder): tables.ROW_GROUP})
    if chunks is not None and not chunks:
        head = arrays.head(folder)
        chunks = {head["hven_row_dim"]: head["hven_shard_rows"]} if head["hven_has_rows"] else {}
    dataset = xr.open_dataset(
        folder / arrays.DATA,
        engine="zarr",
        consolidated=False,
        chunks=chunks,
        decode_timedelta=False,
        create_default_indexes=indexes,
    )
    return _in_order(dataset, arrays.head(folder).get("hven_variables", ()))


def _load_dask_arrays() -> None:
    """Load them in one thread: Dask's modules need each other, and two threads that load them break it for good."""
    with _LOADING:
        import_module("dask.array")


def form_of(folder: Path) -> str:
    """``array`` or ``table``; raises DatasetNotFoundError where there is neither."""
    if (folder / arrays.DATA / "zarr.json").exists():
        return "array"
    if (folder / tables.DATA).exists():
        return "table"
    raise DatasetNotFoundError(f"there is no product in {folder}")


def read_rows(folder: Path, names: Iterable[str], start: int, stop: int) -> xr.Dataset:
    """Rows `[start, stop)` of some variables, in memory, without indexes.

    Variables without the row dim come whole.

    Raises
    ------
    UnknownNameError
        For a name that the product does not have.
    ChecksumError
        When what lies on the disk is not what was written.
    """
    with _damage_told(folder):
        wanted = _known(folder, names)
        if form_of(folder) == "table":
            return tables.read_rows(folder, wanted, start, stop)
        return _dataset(folder, wanted, slice(start, stop))


def read_rows_at(folder: Path, names: Iterable[str], indices: Sequence[int] | np.ndarray[Any, Any]) -> xr.Dataset:
    """Some rows of some variables, in memory, in the order of `indices`; see `read_rows`."""
    with _damage_told(folder):
        wanted, rows = _known(folder, names), np.asarray(indices, dtype=np.int64)
        if form_of(folder) == "table":
            return tables.read_rows_at(folder, wanted, rows)
        return _dataset(folder, wanted, rows)


@contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    """Name the product where zarr, its codecs or Arrow find other bytes than were written."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise ChecksumError(
            f"{folder} cannot be read: {error}", hint="`hven audit` looks for damage, `hven catchup` makes it good."
        ) from error


def variable_names(folder: Path) -> list[str]:
    """Names of all variables, coordinates among them."""
    if form_of(folder) == "table":
        return tables.column_names(folder)
    return sorted(p.parent.name for p in (folder / arrays.DATA).glob("*/zarr.json"))


def _in_order(dataset: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """Data variables as they were declared; a folder lists them in any order."""
    variables = {name: dataset.variables[name] for name in names if name in dataset.data_vars}
    return dataset.drop_vars(variables).assign(variables)


def _known(folder: Path, names: Iterable[str]) -> list[str]:
    wanted, known = list(names), variable_names(folder)
    for name in wanted:
        if name not in known:
            raise UnknownNameError("variable", name, known)
    return wanted


def _dataset(folder: Path, names: list[str], rows: slice | np.ndarray[Any, Any]) -> xr.Dataset:
    head = arrays.head(folder)
    variables = {name: _variable(open_array(folder / arrays.DATA / name), head["hven_row_dim"], rows) for name in names}
    auxiliary = str(head.get("coordinates", "")).split()
    coords = {n: variables.pop(n) for n in names if n in auxiliary or variables[n].dims == (n,)}
    attrs = {k: v for k, v in head.items() if k != "coordinates"}
    return xr.Dataset(variables, xr.Coordinates(coords, indexes={}), attrs)


def _variable(array: zarr.Array[Any], row_dim: str, rows: slice | np.ndarray[Any, Any]) -> xr.Variable:
    dims = array.metadata.dimension_names or ()  # type: ignore[union-attr]
    values: Any
    if row_dim not in dims:
        values = array[...]
    elif isinstance(rows, slice):
        values = array[rows]
    else:
        values = array.oindex[(rows, *[slice(None)] * (array.ndim - 1))]
    attrs = dict(array.attrs)
    if "calendar" in attrs:
        values = np.asarray(values).view("datetime64[ns]")
        attrs = {k: v for k, v in attrs.items() if k not in _OWN}
    return xr.Variable(dims, values, attrs, fastpath=True)
