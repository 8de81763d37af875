"""`ds.hven`: where a dataset comes from and what its flags mean."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hven.core.errors import DatasetNotFoundError, SchemaError
from hven.model.data_id import DataId
from hven.model.provenance import Provenance
from hven.store.records import read_provenance

if TYPE_CHECKING:
    import pandas as pd

ID = "hven_id"
FOLDER = "hven_folder"
"""Attributes by which an opened dataset remembers its product."""


@xr.register_dataset_accessor("hven")  # type: ignore[no-untyped-call] # xarray leaves it so
class HvenAccessor:
    """What hven knows of a dataset that it has opened."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def id(self) -> str:
        """Id of the product; raises DatasetNotFoundError for a dataset that hven has not opened."""
        try:
            return str(self._dataset.attrs[ID])
        except KeyError:
            raise DatasetNotFoundError(
                "this dataset does not say which product it is", hint="Open it with `obs.open`, or through the catalog."
            ) from None

    @cached_property
    def provenance(self) -> Provenance:
        """Provenance record of the product."""
        return read_provenance(self._folder)

    @property
    def data_id(self) -> DataId:
        """Data ID of the product."""
        return DataId(self.provenance.data_id)

    @property
    def quality(self) -> pd.DataFrame:
        """Decoded flags: for each bit of each flag variable, how many elements have it and which fraction that is.

        Columns `variable, flag, mask, count, fraction`. Reads the flag variables.

        Raises
        ------
        SchemaError
            When the dataset has no flag variables.
        """
        import pandas as pd

        rows = [row for name, array in self._dataset.variables.items() for row in _flags(str(name), array)]
        if not rows:
            raise SchemaError("this dataset has no flags", hint="`ds.hven.describe()` lists its variables.")
        return pd.DataFrame(rows, columns=["variable", "flag", "mask", "count", "fraction"])

    def describe(self) -> pd.DataFrame:
        """Variables with dims, dtype, units and meaning."""
        import pandas as pd

        rows = [
            (str(n), ", ".join(map(str, v.dims)), str(v.dtype), v.attrs.get("units", ""), v.attrs.get("long_name", ""))
            for n, v in self._dataset.variables.items()
        ]
        return pd.DataFrame(rows, columns=["variable", "dims", "dtype", "units", "meaning"]).set_index("variable")

    @property
    def _folder(self) -> Path:
        product_id = self.id
        folder = Path(str(self._dataset.attrs.get(FOLDER, "")))
        if folder.name != product_id:
            raise DatasetNotFoundError(f"product {product_id} was not opened here", hint="Open it with `obs.open`.")
        return folder


def _flags(name: str, variable: xr.Variable) -> list[tuple[str, str, int, int, float]]:
    masks = np.atleast_1d(variable.attrs.get("flag_masks", []))
    if not len(masks):
        return []
    values = np.asarray(variable.values)
    counts = [int(np.count_nonzero(values & values.dtype.type(mask))) for mask in masks]
    meanings = str(variable.attrs["flag_meanings"]).split()
    return [
        (name, meaning, int(mask), count, count / max(1, values.size))
        for meaning, mask, count in zip(meanings, masks, counts, strict=True)
    ]
