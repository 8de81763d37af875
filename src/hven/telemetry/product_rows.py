"""Rows of a table product as the samples of a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hven.model.telemetry import TIME, Topic

if TYPE_CHECKING:
    import xarray as xr

    from hven.model.data_id import DataId


def rows_of(topic: Topic, data_id: DataId, table: xr.Dataset) -> xr.Dataset:
    """Time and fields of the rows that the topic selects; fields that no column has are keys of the data ID.

    Parameters
    ----------
    topic
        Says which rows and fields.
    data_id
        Of the product.
    table
        The product; `time` is a column.
    """
    (dim,) = table[TIME].dims
    chosen = np.ones(table.sizes[dim], np.bool_)
    for name, value in topic.select.items():
        chosen &= table[name].values.astype(str) == value
    rows = table.isel({dim: np.flatnonzero(chosen)})
    names = {field.name for field in topic.fields}
    told = {name: (dim, np.full(rows.sizes[dim], data_id[name])) for name in names & set(data_id) - set(rows.variables)}
    return rows[sorted(names & set(rows.variables) | {TIME})].assign(told)
