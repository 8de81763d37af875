"""Leave out rows of a time that somebody has marked bad."""

from __future__ import annotations

from collections.abc import Container, Hashable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
    edges = edges_of(dataset.variables)
    if not times or any(dataset[name].ndim != 1 for name in edges) or not edges:
        return dataset
    outside = kept(dataset, times)
    dim = dataset[edges[0]].dims[0]
    return dataset if len(outside) == dataset.sizes[dim] else dataset.isel({dim: outside})


def edges_of(names: Container[Hashable]) -> tuple[str, ...]:
    """Variables that say when a row was: `time`, or `begin` and `end`; none where rows have no time."""
    return next((edges for edges in (("time",), ("begin", "end")) if all(name in names for name in edges)), ())


def kept(dataset: xr.Dataset, times: Times) -> NDArray[np.int64]:
    """Numbers of the rows, which have `edges_of`, that lie in none of some times."""
    names = edges_of(dataset.variables)
    begin, *end = (dataset[name].values.astype("datetime64[ns]").astype(np.int64) for name in names)
    last = end[0] if end else begin + 1
    inside = np.zeros(len(begin), np.bool_)
    for first, stop in times:
        inside |= (begin >= first) & (last <= stop)
    return np.flatnonzero(~inside)
