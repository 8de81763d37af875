"""Attributes of a product that say what it is and where it comes from, for those who open it without hven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hven.model.data_id import DataId
from hven.model.dataset_type import DatasetType

if TYPE_CHECKING:
    import xarray as xr

LEVEL, SCHEMA, RUN = "processing_level", "schema_version", "run_id"
FILES, FILE_BYTES, FILE_SHA256 = "source_files", "source_file_bytes", "source_file_sha256"
FILE_COUNT = "source_file_count"
OF_FILES = (FILES, FILE_BYTES, FILE_SHA256, FILE_COUNT)
ORIGIN = frozenset({LEVEL, SCHEMA, RUN, *OF_FILES})
"""All of them; content digests leave them out, because equal data may come from files with other names."""
OF_ONE = ORIGIN - {RUN}
"""Those that nothing inherits from the data it was made from."""
LISTED_FILES = 256
"""So many files are listed at most: attributes are read whenever a product is opened."""


def of_product(dataset_type: DatasetType, attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes of a dataset as those of a product of this type; only L0 keeps the raw files it names.

    Examples
    --------
    >>> from hven.model.data_id import Level
    >>> calibrated = DatasetType("demo.frames", Level.L1, "array", (), (), "Calibrated.")
    >>> of_product(calibrated, {"gain": 2, "processing_level": "L0", "source_files": [], "run_id": "crab"})
    {'gain': 2, 'run_id': 'crab', 'processing_level': 'L1', 'schema_version': '1.0'}
    """
    raw = {n: attrs[n] for n in OF_FILES if n in attrs and dataset_type.level == "L0"}
    own = {LEVEL: str(dataset_type.level), SCHEMA: dataset_type.schema_version}
    return {**{str(n): v for n, v in attrs.items() if n not in OF_ONE}, **raw, **own}


def with_run(dataset: xr.Dataset, data_id: DataId) -> xr.Dataset:
    """Dataset whose `run_id` is the observation of its data ID; what is of several observations has none.

    Examples
    --------
    >>> import xarray as xr
    >>> made_from_it = xr.Dataset(attrs={"gain": 2, "run_id": "vela"})
    >>> with_run(made_from_it, DataId({"observation": "crab"})).attrs
    {'gain': 2, 'run_id': 'crab'}
    >>> with_run(made_from_it, DataId({"day_obs": 20251021})).attrs
    {'gain': 2}
    """
    attrs = {n: v for n, v in dataset.attrs.items() if n != RUN}
    run = {RUN: str(data_id["observation"])} if "observation" in data_id else {}
    return dataset.drop_attrs(deep=False).assign_attrs({**attrs, **run})


def of_files(files: Sequence[tuple[str, int, str]]) -> dict[str, Any]:
    """Raw files (name, bytes, sha256) in order: how many, and the first `LISTED_FILES` of them.

    Each is a list of its own, for netCDF holds no list of records.

    Examples
    --------
    >>> of_files([("a.pff", 10, "00ff")])  # doctest: +NORMALIZE_WHITESPACE
    {'source_file_count': 1, 'source_files': ['a.pff'], 'source_file_bytes': [10], 'source_file_sha256': ['00ff']}
    """
    listed = zip((FILES, FILE_BYTES, FILE_SHA256), zip(*files[:LISTED_FILES], strict=True), strict=False)
    return {FILE_COUNT: len(files), **{attribute: list(values) for attribute, values in listed}}
