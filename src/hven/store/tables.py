"""Tables: Parquet with the declared columns, units in the metadata; read lazily, a row group at a time."""

from __future__ import annotations

import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from hven.model.dataset_type import DatasetType
from hven.store.arrays import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = "data.parquet"
"""Name of the Parquet file in a version folder."""

ROW_GROUP = 131072
_META = b"hven"


def write_dataset(folder: Path, dataset_type: DatasetType, dataset: xr.Dataset) -> None:
    """Write a dataset whose variables are columns along the row dim.

    Raises
    ------
    SchemaError
        When the dataset does not fit the declaration.
    """
    dataset_type.check(dataset)
    declared = {v.name: v.attrs for v in dataset_type.variables}
    attrs = {str(n): plain({**declared.get(str(n), {}), **v.attrs}) for n, v in dataset.variables.items()}
    columns = {str(n): _column(v.values) for n, v in dataset.variables.items()}
    fields = [
        pa.field(name, column.type, metadata={k: str(v) for k, v in attrs[name].items()})
        for name, column in columns.items()
    ]
    head = {
        "dataset_type": str(dataset_type.type_name),
        "row_dim": dataset_type.row_dim,
        "coordinates": [str(n) for n in dataset.coords],
        "attrs": plain(dataset.attrs),
        "columns": attrs,
    }
    schema = pa.schema(fields, metadata={_META: json.dumps(head).encode()})
    table = pa.Table.from_arrays(list(columns.values()), schema=schema)
    pq.write_table(table, folder / DATA, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)


def open_table(folder: Path) -> xr.Dataset:
    """Lazy dataset: a column is read when it is asked for."""
    head, file = _head(folder), _file(folder)
    rows = file.metadata.num_rows
    dim = head["row_dim"]
    variables = {
        name: xr.Variable(dim, indexing.LazilyIndexedArray(_Column(folder, name, rows)), head["columns"][name])
        for name in file.schema_arrow.names
    }
    coords = {name: variables.pop(name) for name in head["coordinates"]}
    return xr.Dataset(variables, xr.Coordinates(coords, indexes={}), {**head["attrs"], **_own(head)})


def read_rows(folder: Path, names: Sequence[str], start: int, stop: int) -> xr.Dataset:
    """Rows `[start, stop)` of some columns, in memory."""
    return _dataset(folder, _read(folder, names, start, stop))


def read_rows_at(folder: Path, names: Sequence[str], indices: np.ndarray[Any, Any]) -> xr.Dataset:
    """Some rows of some columns, in memory, in the order of `indices`."""
    rows = _file(folder).metadata.num_rows
    return _dataset(folder, {name: values[indices] for name, values in _read(folder, names, 0, rows).items()})


def column_names(folder: Path) -> list[str]:
    """Names of all columns."""
    return list(_file(folder).schema_arrow.names)


def row_dim(folder: Path) -> str:
    """Name of the row dim."""
    return str(_head(folder)["row_dim"])


class _Column(BackendArray):
    """One column, indexed through xarray's lazy arrays."""

    def __init__(self, folder: Path, name: str, rows: int) -> None:
        self._folder, self._name, self.shape = folder, name, (rows,)
        self.dtype = _numpy_dtype(_file(folder).schema_arrow.field(name).type)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)

    def _get(self, key: tuple[Any, ...]) -> Any:
        (item,) = key
        if isinstance(item, slice):
            start, stop, step = item.indices(self.shape[0])
            low, high = (start, stop) if step > 0 else (stop + 1, start + 1)
            values = self._rows(low, max(low, high))
            return values[::step] if step > 0 else values[::-1][::-step]
        return self._rows(int(item), int(item) + 1)[0]

    def _rows(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        return _read(self._folder, [self._name], start, stop)[self._name]


def _read(folder: Path, names: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray[Any, Any]]:
    file = _file(folder)
    schema = file.schema_arrow
    dtypes = {name: _numpy_dtype(schema.field(name).type) for name in names}
    stop = min(stop, file.metadata.num_rows)
    if stop <= start:
        return {name: np.empty(0, dtype) for name, dtype in dtypes.items()}
    first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
    rows = file.read_row_groups(list(range(first, last + 1)), columns=list(names))
    rows = rows.slice(start - first * ROW_GROUP, stop - start)
    return {name: np.asarray(rows.column(name).to_numpy(), dtype) for name, dtype in dtypes.items()}


def _column(values: np.ndarray[Any, Any]) -> Any:
    if values.dtype.kind in "UOT":
        return pa.array([str(v) for v in values], pa.string())
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[ns]"), pa.timestamp("ns", tz="UTC"))
    return pa.array(values)


def _numpy_dtype(kind: Any) -> np.dtype[Any]:
    if pa.types.is_string(kind):
        return np.dtype(object)
    if pa.types.is_timestamp(kind):
        return np.dtype("datetime64[ns]")
    return np.dtype(str(kind.to_pandas_dtype().__name__))


def _dataset(folder: Path, columns: dict[str, np.ndarray[Any, Any]]) -> xr.Dataset:
    head = _head(folder)
    variables = {n: xr.Variable(head["row_dim"], v, head["columns"][n]) for n, v in columns.items()}
    coords = {n: variables.pop(n) for n in head["coordinates"] if n in variables}
    return xr.Dataset(variables, xr.Coordinates(coords, indexes={}), {**head["attrs"], **_own(head)})


def _own(head: dict[str, Any]) -> dict[str, Any]:
    return {"hven_dataset_type": head["dataset_type"], "hven_row_dim": head["row_dim"]}


def _file(folder: Path) -> pq.ParquetFile:
    return _opened(folder, threading.get_ident())


@lru_cache(maxsize=256)
def _opened(folder: Path, _thread: int) -> pq.ParquetFile:
    """Open a file for one thread: two threads that read through the same one wait for each other for ever."""
    return pq.ParquetFile(folder / DATA, memory_map=True, pre_buffer=False)


def _head(folder: Path) -> dict[str, Any]:
    return json.loads(_file(folder).schema_arrow.metadata[_META])  # type: ignore[no-any-return]
