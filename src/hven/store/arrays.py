"""Write array products: Zarr v3, whole shards, each by one worker."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from hven.core.errors import SchemaError
from hven.model import origin
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.store import codecs, overviews
from hven.store.laid_out import lay_out_array, lay_out_group
from hven.store.opened import open_array, open_arrays

if TYPE_CHECKING:
    import xarray as xr

DATA = "data.zarr"
"""Name of the Zarr group in a version folder."""
_OWN = "hven_"


def create(folder: Path, dataset_type: DatasetType, template: xr.Dataset, rows: int) -> int:
    """Lay out the arrays of a product; variables without the row dim are written at once.

    Parameters
    ----------
    folder
        Version folder that is being written (`Staging.path`).
    dataset_type
        Declaration.
    template
        Has every variable with its dims, dtype and attributes; its length along the row dim does not matter.
    rows
        Length along the row dim.

    Returns
    -------
    int
        Rows in a shard: `write_rows` takes whole shards.

    Raises
    ------
    SchemaError
        When the template does not fit the declaration.
    """
    dataset_type.check(template)
    dim = dataset_type.row_dim
    sizes = {str(k): v for k, v in template.sizes.items() if k != dim}
    shard = codecs.shard_rows(dataset_type, sizes)
    overviews.check(dataset_type, shard)
    lay_out_group(folder / DATA, _group_attrs(dataset_type, template, shard))
    for name, variable in template.variables.items():
        _lay_out(folder / DATA / str(name), variable, dataset_type, rows=rows, shard=shard)
    write_fixed(folder, template)
    return shard


def write_rows(folder: Path, start: int, rows: xr.Dataset) -> None:
    """Write whole shards of every variable along the row dim.

    Several processes may write different shards at the same time, but for L0: there files hold several shards' rows
    of thin variables.

    Parameters
    ----------
    folder
        As given to `create`.
    start
        First row.
    rows
        In memory; begins and ends at a shard's edge or at the end of the product.

    Raises
    ------
    SchemaError
        When rows are not whole shards, or a variable is missing or unknown.
    """
    own = head(folder)
    dim, shard = own["hven_row_dim"], own["hven_shard_rows"]
    names = [str(n) for n, v in rows.variables.items() if dim in v.dims]
    for name in names:
        array = open_array(folder / DATA / name, writable=True)
        _check_edges(name, start, rows.sizes[dim], array.shape[0], shard)
        array[start : start + rows.sizes[dim]] = stored(rows.variables[name].values)
    overviews.write_part(folder, start, {n: stored(rows.variables[n].values) for n in own["hven_overviews"]})


def write_fixed(folder: Path, fixed: xr.Dataset) -> None:
    """Write the variables that have no row dim; those along it are left alone."""
    dim = head(folder)["hven_row_dim"]
    for name, variable in fixed.variables.items():
        if dim not in variable.dims and variable.size:
            open_array(folder / DATA / str(name), writable=True)[...] = stored(variable.values)


def update_attrs(folder: Path, attrs: dict[str, Any]) -> None:
    """Set attributes of the whole dataset; those that say what it is and how it lies on the disk stay as they are."""
    head.cache_clear()
    others = {n: v for n, v in attrs.items() if not n.startswith(_OWN) and n not in origin.OF_ONE}
    zarr.open_group(folder / DATA, mode="r+").attrs.update(plain(others))


def write_dataset(folder: Path, dataset_type: DatasetType, dataset: xr.Dataset) -> None:
    """Write a dataset, in memory or lazy, one shard's rows after the other."""
    dim = dataset_type.row_dim
    rows = dataset.sizes.get(dim, 0)
    shard = create(folder, dataset_type, dataset, rows)
    for start in range(0, rows, shard):
        write_rows(folder, start, dataset.isel({dim: slice(start, start + shard)}).compute())


@lru_cache(maxsize=512)
def head(folder: Path) -> dict[str, Any]:
    """Attributes of the whole dataset as they are on disk, with hven's own."""
    return json.loads((folder / DATA / "zarr.json").read_text())["attributes"]  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """JSON form of attributes: NumPy scalars and arrays become numbers and lists."""
    return json.loads(json.dumps(value, default=_to_python))


def _group_attrs(dataset_type: DatasetType, template: xr.Dataset, shard: int) -> dict[str, Any]:
    auxiliary = [str(name) for name in template.coords if name not in template.dims]
    declared = [v.name for v in dataset_type.variables if v.name in template.variables]
    own = {
        "hven_variables": list(dict.fromkeys([*declared, *map(str, template.variables)])),
        "hven_dataset_type": str(dataset_type.type_name),
        "hven_row_dim": dataset_type.row_dim,
        "hven_has_rows": int(dataset_type.row_dim in template.dims),
        "hven_shard_rows": shard,
        "hven_overviews": [overviews.TIME, *dataset_type.overviews] if dataset_type.overviews else [],
        **({"coordinates": " ".join(auxiliary)} if auxiliary else {}),
    }
    return {**plain(origin.of_product(dataset_type, template.attrs)), **own}


def _lay_out(folder: Path, variable: xr.Variable, dataset_type: DatasetType, *, rows: int, shard: int) -> None:
    shape = tuple(rows if d == dataset_type.row_dim else n for d, n in variable.sizes.items())
    dtype = codecs.storage_dtype(variable.dtype)
    along_rows = variable.dims[:1] == (dataset_type.row_dim,)
    joined = codecs.JOINED if dataset_type.level is Level.L0 and dtype.kind != "T" else 1
    cut = codecs.layout(shape, dtype, shard if along_rows else max(1, *shape, 1), joined=joined if along_rows else 1)
    declared = {v.name: v.attrs for v in dataset_type.variables}.get(folder.name, {})
    attrs = {**declared, **variable.attrs, **(codecs.TIME_ATTRS if variable.dtype.kind == "M" else {})}
    lay_out_array(
        folder,
        shape,
        dtype,
        cut,
        compressor=codecs.compressor(dataset_type.level),
        fill_value=codecs.fill_value(dtype),
        dims=[str(d) for d in variable.dims],
        attributes=plain(attrs),
    )


def _check_edges(name: str, start: int, length: int, total: int, shard: int) -> None:
    stop = start + length
    if start % shard or (stop % shard and stop != total) or stop > total:
        raise SchemaError(
            f"{name}: rows {start} to {stop} of {total} are not whole shards of {shard}",
            hint="Cut blocks at multiples of the shard length.",
        )


def stored(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Values as they are on disk: times as int64 nanoseconds."""
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]").view(np.int64)
    return values.astype(object) if values.dtype.kind in "UO" else values


def _to_python(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"attribute of type {type(value).__name__} cannot be written as JSON")


def check_complete(folder: Path) -> None:
    """Raise SchemaError when a chunk of an array was never written."""
    for name, array in open_arrays(folder / DATA).items():
        cut = array.shards or array.chunks
        expected = int(np.prod([-(-n // c) for n, c in zip(array.shape, cut, strict=True)]))
        found = sum(1 for p in (folder / DATA / name / "c").rglob("*") if p.is_file())
        found += (folder / DATA / name / "c").is_file()
        if found != expected:
            raise SchemaError(f"{name}: {expected - found} of {expected} chunks were never written")
