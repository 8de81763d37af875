"""Pedestal and noise of each pixel without light, from many cells of many observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.errors import DataError
from hven.model import frames as v
from hven.model.task import Config, Inputs, Output, Slot, Task

_TO_SIGMA = 1.4826
_NAMES = ("pedestal", "noise", "pedestal_error", "count")


class CombineConfig(Config):
    """Which cells count."""

    clip: Annotated[
        float, Field(gt=0, description="Cells whose mean pedestal lies so many deviations off do not count.")
    ] = 5.0


def run(inputs: Inputs, config: CombineConfig) -> Mapping[str, xr.Dataset]:
    """Average the cells, each by its frames.

    A cell whose mean over the camera is far from that of the others, by their median absolute deviation, had light in
    it or another temperature, and does not count. The error is what the cells' own errors make, or what their scatter
    makes where that is larger: drifts are not hidden.

    Returns
    -------
    Mapping
        ``dark`` with dims (y, x), in the units of the images, and begin and end of the cells that count.

    Raises
    ------
    DataError
        When there is no cell.
    """
    found = xr.concat([cells[[*_NAMES, "begin", "end"]] for cells in inputs["cells"]], "cell")
    if not found.sizes["cell"]:
        raise DataError("there are no pedestals to combine", hint="Choose observations with frames.")
    used = found.isel(cell=np.flatnonzero(_usual(found["pedestal"].values, config.clip)))
    pedestal, noise, error, count = (used[name].values.astype(np.float64) for name in _NAMES)
    weight = np.where(np.isfinite(pedestal) & np.isfinite(noise), count, 0.0)
    total = weight.sum(0)
    mean = _mean(pedestal, weight, total)
    predicted = np.sqrt((weight**2 * np.nan_to_num(error) ** 2).sum(0)) / _or_nan(total)
    cells = (weight > 0).sum(0)
    scatter = np.sqrt(_mean((pedestal - mean) ** 2, weight, total) / np.maximum(cells - 1, 1))
    maps = {
        "pedestal": mean,
        "noise": np.sqrt(_mean(noise**2, weight, total)),
        "pedestal_error": np.fmax(predicted, np.where(cells > 1, scatter, 0.0)),
    }
    variables = {name: (("y", "x"), values.astype(np.float32)) for name, values in maps.items()}
    edges = {name: ("cell", used[name].values) for name in ("begin", "end")}
    return {"dark": xr.Dataset({**variables, "count": (("y", "x"), total.astype(np.int64))}, edges)}


def _usual(pedestal: NDArray[Any], clip: float) -> NDArray[np.bool_]:
    level = np.array([np.nanmean(cell) if np.isfinite(cell).any() else np.nan for cell in pedestal])
    distance = np.abs(level - np.nanmedian(level))
    return np.asarray(distance <= clip * _TO_SIGMA * np.nanmedian(distance) + np.nanmedian(np.abs(level)) * 1e-3)


def _mean(values: NDArray[Any], weight: NDArray[Any], total: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((weight * np.nan_to_num(values)).sum(0) / _or_nan(total))


def _or_nan(total: NDArray[Any]) -> NDArray[Any]:
    return np.where(total > 0, total, np.nan)


TASK = Task(
    name="frames.combine_pedestals",
    version="1",
    doc="Pedestal and noise of each pixel without light, averaged over the cells of many observations.",
    inputs=(
        Slot(
            "cells",
            (v.BEGIN, v.END, v.PEDESTAL, v.NOISE, v.PEDESTAL_ERROR, v.COUNT),
            "Pedestals of observations without light.",
            multiple=True,
        ),
    ),
    outputs=(
        Output("dark", (v.BEGIN, v.END, v.DARK, v.DARK_NOISE, v.DARK_ERROR, v.DARK_COUNT), "One map each.", dim="y"),
    ),
    dimensions=("instrument", "detector"),
    config=CombineConfig,
    run=run,
)
