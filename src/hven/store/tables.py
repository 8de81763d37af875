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

from hven.model import origin
from hven.model.dataset_type import DatasetType
from hven.store.arrays import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = "data.parquet"
"""Name of the Parquet file in a version folder."""

ROW_GROUP = 131072
_WRITTEN_AT_ONCE_BYTES = 1 << 18
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
        "attrs": plain(origin.of_product(dataset_type, dataset.attrs)),
        "columns": attrs,
    }
    schema = pa.schema(fields, metadata={_META: json.dumps(head).encode()})
    table = pa.Table.from_arrays(list(columns.values()), schema=schema)
    with pa.output_stream(str(folder / DATA), compression=None, buffer_size=_WRITTEN_AT_ONCE_BYTES) as sink:
        pq.write_table(table, sink, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)


def open_table(folder: Path) -> xr.Dataset:
    """Lazy dataset: a column is read when it is asked for."""
    opened = _opened(folder)
    columns = {n: indexing.LazilyIndexedArray(_Column(folder, n, opened)) for n in opened.dtypes}
    return opened.dataset(columns)


def read_rows(folder: Path, names: Sequence[str], start: int, stop: int) -> xr.Dataset:
    """Rows `[start, stop)` of some columns, in memory."""
    opened = _opened(folder)
    return opened.dataset(opened.read(names, start, stop))


def read_rows_at(folder: Path, names: Sequence[str], indices: np.ndarray[Any, Any]) -> xr.Dataset:
    """Some rows of some columns, in memory, in the order of `indices`."""
    opened = _opened(folder)
    return opened.dataset({name: values[indices] for name, values in opened.read(names, 0, opened.rows).items()})


def size_bytes(folder: Path) -> int:
    """Bytes of all columns in memory, text counted as references."""
    opened = _opened(folder)
    return opened.rows * sum(int(dtype.itemsize) for dtype in opened.dtypes.values())


def read_all(folder: Path) -> xr.Dataset:
    """All rows of all columns, in memory."""
    opened = _opened(folder)
    return opened.dataset(opened.read(list(opened.dtypes), 0, opened.rows))


def column_names(folder: Path) -> list[str]:
    """Names of all columns."""
    return list(_opened(folder).dtypes)


def row_dim(folder: Path) -> str:
    """Name of the row dim."""
    return str(_opened(folder).head["row_dim"])


class _Opened:
    """An open file, with what it says of itself."""

    def __init__(self, file: Path) -> None:
        self.file = pq.ParquetFile(pa.memory_map(str(file)), pre_buffer=False)
        schema = self.file.schema_arrow
        self.rows = int(self.file.metadata.num_rows)
        self.dtypes = {field.name: _numpy_dtype(field.type) for field in schema}
        self.head: dict[str, Any] = json.loads(schema.metadata[_META])

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray[Any, Any]]:
        """Rows of some columns."""
        stop = min(stop, self.rows)
        if stop <= start:
            return {name: np.empty(0, self.dtypes[name]) for name in names}
        first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
        groups = list(range(first, last + 1))
        rows = self.file.read_row_groups(groups, columns=list(names), use_threads=len(groups) > 1)
        rows = rows.slice(start - first * ROW_GROUP, stop - start)
        return {name: np.asarray(rows.column(name).to_numpy(), self.dtypes[name]) for name in names}

    def dataset(self, columns: Mapping[str, Any]) -> xr.Dataset:
        """Columns with their attributes."""
        head = self.head
        dims = (head["row_dim"],)
        variables = {n: xr.Variable(dims, v, head["columns"][n], fastpath=True) for n, v in columns.items()}
        coords = {n: variables.pop(n) for n in head["coordinates"] if n in variables}
        own = {"hven_dataset_type": head["dataset_type"], "hven_row_dim": head["row_dim"]}
        return xr.Dataset(variables, xr.Coordinates(coords, indexes={}), {**head["attrs"], **own})


class _Column(BackendArray):
    """One column, indexed through xarray's lazy arrays."""

    def __init__(self, folder: Path, name: str, opened: _Opened) -> None:
        self._folder, self._name, self.shape, self.dtype = folder, name, (opened.rows,), opened.dtypes[name]

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
        return _opened(self._folder).read([self._name], start, stop)[self._name]


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


def _opened(folder: Path) -> _Opened:
    return _opened_by(folder, threading.get_ident())


@lru_cache(maxsize=256)
def _opened_by(folder: Path, _thread: int) -> _Opened:
    """Open a file for one thread: two threads that read through the same one wait for each other for ever."""
    return _Opened(folder / DATA)
