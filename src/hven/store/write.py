"""Write a whole dataset in the form that its type declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hven.model.dataset_type import DatasetType
from hven.store import arrays, tables

if TYPE_CHECKING:
    import xarray as xr


def write_dataset(folder: Path, dataset_type: DatasetType, dataset: xr.Dataset) -> None:
    """Write a dataset, in memory or lazy, as array or table.

    Raises
    ------
    SchemaError
        When it does not fit the declaration.
    """
    room = tables if dataset_type.form == "table" else arrays
    room.write_dataset(folder, dataset_type, dataset)
