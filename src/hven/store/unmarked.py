"""Leave out rows of a time that somebody has marked bad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from hven.model.annotation import Times


def without(dataset: xr.Dataset, times: Times) -> xr.Dataset:
    """Rows that lie in none of some times.

    A row with `time` lies where that is; one with `begin` and `end`, which must be wholly inside. Datasets whose rows
    have neither are given back as they are.

    Examples
    --------
    >>> import xarray as xr
    >>> dataset = xr.Dataset(coords={"time": np.arange(5).astype("datetime64[ns]")})
    >>> without(dataset, ((1, 3),))["time"].values.astype(int)
    array([0, 3, 4])
    """
    edges = next((names for names in (("time", "time"), ("begin", "end")) if _of_rows(dataset, names)), None)
    if not times or edges is None:
        return dataset
    begin, end = (dataset[name].values.astype("datetime64[ns]").astype(np.int64) for name in edges)
    last = begin + 1 if edges[0] == edges[1] else end
    inside = np.zeros(len(begin), np.bool_)
    for first, stop in times:
        inside |= (begin >= first) & (last <= stop)
    return dataset.isel({dataset[edges[0]].dims[0]: np.flatnonzero(~inside)}) if inside.any() else dataset


def _of_rows(dataset: xr.Dataset, names: Iterable[str]) -> bool:
    return all(name in dataset.variables and dataset[name].ndim == 1 for name in names)
