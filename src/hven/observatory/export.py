"""Products in the formats of other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hven.core.errors import ConfigurationError, ConflictError, UnknownNameError
from hven.model import origin
from hven.model.product import Product
from hven.store.arrays import plain
from hven.store.records import read_provenance

if TYPE_CHECKING:
    from astropy.io import fits

FORMATS = ("fits", "parquet", "zarr")
UNIX_EPOCH_MJD = 40587
_PARQUET_META = b"hven"


def export(root: Path, product: Product, dataset: xr.Dataset, file_format: str, target: Path) -> Path:
    """Write a product as a file of its own, with its provenance inside.

    Parameters
    ----------
    root
        Data root.
    product, dataset
        What to write.
    file_format
        ``fits`` (times are int64 nanoseconds since 1970 UTC, so exact), ``parquet`` (tables only) or ``zarr``.
    target
        File, or folder for ``zarr``; must not be there yet.

    Raises
    ------
    UnknownNameError
        For another format.
    ConflictError
        When the target is there already.
    ConfigurationError
        When the dataset does not fit into the format.
    """
    writers: dict[str, Callable[[xr.Dataset, Path, dict[str, str]], None]] = {
        "fits": _fits,
        "parquet": _parquet,
        "zarr": _zarr,
    }
    if file_format not in writers:
        raise UnknownNameError("format", file_format, FORMATS)
    if target.exists():
        raise ConflictError(f"{target} is there already", hint="Choose another name with --output.")
    provenance = read_provenance(root / product.path)
    facts = {
        "dataset_type": provenance.dataset_type,
        "id": product.id,
        "data_id": json.dumps(provenance.data_id),
        "digest": product.digest,
        "provenance": provenance.model_dump_json(),
    }
    own = {k: v for k, v in dataset.attrs.items() if not str(k).startswith("hven_")}
    target.parent.mkdir(parents=True, exist_ok=True)
    writers[file_format](dataset.drop_attrs(deep=False).assign_attrs(own), target, facts)
    return target


def file_stem(product: Product) -> str:
    """Name for a file: type, level, and what tells the dataset apart."""
    values = [str(value) for key, value in product.ref.data_id.items() if key != "instrument"]
    return "_".join([product.ref.type.name, str(product.ref.type.level), *values]).replace("/", "-")


def _zarr(dataset: xr.Dataset, target: Path, facts: dict[str, str]) -> None:
    chosen = {f"hven_{name}": value for name, value in facts.items()}
    clean = _with_text_declared(dataset).drop_encoding().assign_attrs(chosen)
    clean.to_zarr(target, mode="w-", zarr_format=3, consolidated=False)


def _with_text_declared(dataset: xr.Dataset) -> xr.Dataset:
    """Lazy text as text: xarray would read all of it, with a warning, only to learn that it is no other object."""
    lazy = {n: v for n, v in dataset.variables.items() if v.dtype.kind == "O" and v.chunks is not None}
    return dataset.assign({n: v.astype(np.dtypes.StringDType()) for n, v in lazy.items()})


def _parquet(dataset: xr.Dataset, target: Path, facts: dict[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wide = [str(n) for n, v in dataset.variables.items() if v.ndim != 1]
    if wide or len(dataset.dims) != 1:
        raise ConfigurationError(
            f"{facts['dataset_type']} is no table: {', '.join(wide) or 'it has several dims'}",
            hint="Use --format fits or zarr.",
        )
    columns = {str(n): pa.array(_plain(v.values)) for n, v in dataset.variables.items()}
    meta = {_PARQUET_META: json.dumps({**facts, "attrs": plain(dataset.attrs)}).encode()}
    fields = [pa.field(n, c.type, metadata={"units": _units(dataset[n])}) for n, c in columns.items()]
    table = pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields, metadata=meta))
    pq.write_table(table, target, compression="zstd")


def _plain(values: np.ndarray[Any, Any]) -> Any:
    return values.tolist() if values.dtype.kind in "UOT" else values


def _units(array: xr.DataArray) -> str:
    return str(array.attrs.get("units", ""))


def _fits(dataset: xr.Dataset, target: Path, facts: dict[str, str]) -> None:
    try:
        from astropy.io import fits
    except ModuleNotFoundError:
        raise ConfigurationError("FITS needs astropy", hint='Install it with: pip install "hven[fits]".') from None
    primary = fits.PrimaryHDU()
    for name in ("dataset_type", "id", "data_id", "digest"):
        primary.header[f"HIERARCH HVEN {name.upper()}"] = facts[name]
    for name in (n for n in (origin.LEVEL, origin.SCHEMA, origin.RUN, origin.FILE_COUNT) if n in dataset.attrs):
        primary.header[f"HIERARCH HVEN {name.upper()}"] = dataset.attrs[name]
    record = fits.BinTableHDU.from_columns(
        [fits.Column("provenance", f"{len(facts['provenance'].encode())}A", array=[facts["provenance"]])],
        name="PROVENANCE",
    )
    columns: dict[str, list[fits.Column]] = {}
    images = []
    for key, variable in dataset.variables.items():
        name = str(key)
        values, unit = _fits_values(name, variable)
        if variable.ndim == 1:
            columns.setdefault(str(variable.dims[0]), []).append(_column(fits, name, values, unit))
        else:
            images.append(_image(fits, name, variable, values, unit))
    tables = [fits.BinTableHDU.from_columns(c, name=dim.upper()) for dim, c in columns.items()]
    for table in tables:
        table.header.update(TIMESYS="UTC", MJDREFI=UNIX_EPOCH_MJD, MJDREFF=0.0)
    sources = _source_files(fits, dataset.attrs)
    fits.HDUList([primary, *tables, *images, *sources, record]).writeto(target)


def _source_files(fits: Any, attrs: Mapping[Any, Any]) -> list[fits.BinTableHDU]:
    """Table of the raw files: a header has no place for a list."""
    names = {"name": origin.FILES, "bytes": origin.FILE_BYTES, "sha256": origin.FILE_SHA256}
    values = {column: np.array(attrs[name]) for column, name in names.items() if name in attrs}
    if not values:
        return []
    encoded = {n: np.char.encode(v, "utf-8") if v.dtype.kind == "U" else v for n, v in values.items()}
    columns = [_column(fits, n, v, "byte" if n == "bytes" else "") for n, v in encoded.items()]
    return [fits.BinTableHDU.from_columns(columns, name=origin.FILES.upper())]


def _image(fits: Any, name: str, variable: xr.Variable, values: np.ndarray[Any, Any], unit: str) -> fits.ImageHDU:
    image = fits.ImageHDU(np.atleast_1d(values), name=name.upper())
    image.header["BUNIT"] = unit
    image.header["HIERARCH HVEN DIMS"] = ",".join(map(str, variable.dims))
    return image


def _fits_values(name: str, variable: xr.Variable) -> tuple[np.ndarray[Any, Any], str]:
    values = np.asarray(variable.values)
    if values.dtype.kind in "mM":
        return values.astype(f"{values.dtype.kind}8[ns]").view(np.int64), "ns"
    if values.dtype.kind in "OT":
        values = values.astype("U")
    if values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
        if variable.ndim != 1:
            raise ConfigurationError(f"{name}: FITS images hold no text", hint="Use --format zarr.")
    if values.dtype == np.bool_ and variable.ndim != 1:
        values = values.astype(np.uint8)
    return values, str(variable.attrs.get("units", ""))


_CODES = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
_WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4"}


def _column(fits: Any, name: str, values: np.ndarray[Any, Any], unit: str) -> fits.Column:
    """Column in a type that FITS has; never a narrower one."""
    if values.dtype.kind == "S":
        return fits.Column(name, f"{max(1, values.dtype.itemsize)}A", array=values, unit=unit)
    wider = _WIDER.get(values.dtype.str[1:])
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise ConfigurationError(f"{name}: FITS has no integers so large", hint="Use --format zarr.")
    fitting = values.astype(wider) if wider else values
    return fits.Column(name, _CODES[fitting.dtype.str[1:]], array=fitting, unit=unit)
