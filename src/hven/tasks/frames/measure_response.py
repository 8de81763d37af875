"""Relative response of each pixel to even light: the flat of images, the gain of pulse heights."""

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
_OF_MEDIAN = 1.2533
"""Standard error of a median over that of a mean, of normal deviates."""


class ResponseConfig(Config):
    """Which cells count."""

    least: Annotated[
        float, Field(gt=0, description="A cell with less light than so many deviations of a frame does not count.")
    ] = 0.5


def run(inputs: Inputs, config: ResponseConfig) -> Mapping[str, xr.Dataset]:
    """Divide what each pixel got in a cell by the camera's median; the median of the cells is the response.

    The dark map, where there is one, is taken away before. Stars and clouds pass through some cells of a pixel only:
    the median over cells of many observations does not follow them.

    Returns
    -------
    Mapping
        ``response`` with ``gain`` and ``gain_error``, dims (y, x), of median 1, and begin and end of the cells.

    Raises
    ------
    DataError
        When no cell has light.
    """
    names = ["pedestal", "noise", "pedestal_error", "begin", "end"]
    found = xr.concat([cells[names] for cells in inputs["lit"]], "cell")
    dark = inputs["dark"]["pedestal"].values if "dark" in inputs else 0.0
    light = found["pedestal"].values.astype(np.float64) - dark
    level, noise = (_medians(values) for values in (light, found["noise"].values))
    lit = np.flatnonzero(level > config.least * noise)
    if not lit.size:
        raise DataError(
            "no cell has light in it",
            hint="Choose observations of an evenly lit field; for pulse heights a dark map must be certified before.",
        )
    ratio = light[lit] / level[lit, None, None]
    predicted = found["pedestal_error"].values[lit] / level[lit, None, None]
    gain = _median(ratio)
    scale = np.nanmedian(gain)
    maps = {"gain": gain / scale, "gain_error": _error(ratio, gain, predicted) / scale}
    variables = {name: (("y", "x"), values.astype(np.float32)) for name, values in maps.items()}
    edges = {name: ("cell", found[name].values[lit]) for name in ("begin", "end")}
    attrs = {"dark_origin": "calibration" if "dark" in inputs else "assumed: none"}
    return {"response": xr.Dataset(variables, edges, attrs)}


def _medians(values: NDArray[Any]) -> NDArray[Any]:
    """Median of each cell over the camera; NaN for a cell without any value."""
    return np.array([np.nanmedian(cell) if np.isfinite(cell).any() else np.nan for cell in values])


def _median(values: NDArray[Any]) -> NDArray[Any]:
    """Median over cells; NaN for a pixel without any value."""
    known = np.isfinite(values).any(0)
    found = np.full(known.shape, np.nan)
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found


def _error(ratio: NDArray[Any], gain: NDArray[Any], predicted: NDArray[Any]) -> NDArray[Any]:
    """Standard error of the median: by the scatter of cells, and no less than by the errors of the cells."""
    cells = np.maximum(np.isfinite(ratio).sum(0), 1)
    scatter = _TO_SIGMA * _median(np.abs(ratio - gain))
    return np.asarray(_OF_MEDIAN * np.fmax(scatter, _median(predicted)) / np.sqrt(cells))


TASK = Task(
    name="frames.measure_response",
    version="1",
    doc="Relative response of each pixel, from frames of an evenly lit field.",
    inputs=(
        Slot(
            "lit",
            (v.BEGIN, v.END, v.PEDESTAL, v.NOISE, v.PEDESTAL_ERROR),
            "Pedestals of observations with even light.",
            multiple=True,
        ),
        Slot("dark", (v.DARK,), "Pedestal without light.", whole=True, optional=True, calibration=True),
    ),
    outputs=(Output("response", (v.BEGIN, v.END, v.GAIN, v.GAIN_ERROR), "One map each.", dim="y"),),
    dimensions=("instrument", "detector"),
    config=ResponseConfig,
    run=run,
)
