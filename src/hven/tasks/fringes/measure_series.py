"""What a series of drops tells together: temperature of the cloud, and phases of the cameras against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import xarray as xr
from pydantic import Field

from hven.model import fringes as v
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.tasks.fringes.differential import LEAST_PAIRS, difference_of_phases, fit_ellipse, fit_populations
from hven.tasks.fringes.temperature import fit_temperature

_SWINGING = 5
_UNUSABLE = v.QUALITY_FLAGS["no_cloud"] | v.QUALITY_FLAGS["missing_port"] | v.QUALITY_FLAGS["bad_fit"]
_READ = tuple(x for x in v.DROPS if x.name in {
    "time", "exposure", "flight", "quality", "width_y_1", "width_y_1_error", "population", "population_error", "phase",
    "phase_error",
})  # fmt: skip


class SeriesConfig(Config):
    """Which drops are used."""

    least_drops: Annotated[int, Field(ge=1, description="Good drops of a camera, below which nothing is told.")] = 8


def run(inputs: Inputs, config: SeriesConfig) -> Mapping[str, xr.Dataset]:
    """One row for each camera; differences are against the first camera, drop by drop.

    Returns
    -------
    Mapping
        ``series``, dim row, in order of camera.
    """
    ids = [int(data_id["detector"]) for data_id in inputs.data_ids["drops"]]
    good = [drops.isel(time=(drops["quality"].values & _UNUSABLE) == 0) for drops in inputs["drops"]]
    rows = [_row(number, drops, good[0], config) for number, drops in zip(ids, good, strict=True)]
    kinds = {x.name: x.dtype for x in v.SERIES}
    return {"series": xr.Dataset({n: ("row", np.array([r[n] for r in rows], kind)) for n, kind in kinds.items()})}


def _row(number: int, drops: xr.Dataset, first: xr.Dataset, config: SeriesConfig) -> dict[str, Any]:
    row: dict[str, Any] = {x.name: math.nan for x in v.SERIES}
    row |= {"detector": number, "drops": drops.sizes["time"]}
    if drops.sizes["time"] < config.least_drops:
        return row
    return row | _temperature(drops) | ({} if drops is first else _difference(first, drops))


def _temperature(drops: xr.Dataset) -> dict[str, float]:
    mass = drops.attrs.get("mass_u")
    flight, width, error = (drops[name].values for name in ("flight", "width_y_1", "width_y_1_error"))
    found = fit_temperature(flight, width, error, float(mass)) if mass else None
    return {"temperature": found.kelvin, "temperature_error": found.kelvin_error} if found else {}


def _difference(first: xr.Dataset, other: xr.Dataset) -> dict[str, float]:
    """Differences in the drops that both cameras saw well."""
    _, here, there = np.intersect1d(first["exposure"].values, other["exposure"].values, return_indices=True)
    pair = first.isel(time=here), other.isel(time=there)
    row: dict[str, float] = {}
    phases, errors = (tuple(d[name].values for d in pair) for name in ("phase", "phase_error"))
    if found := difference_of_phases((phases[0], phases[1]), (errors[0], errors[1])):
        row |= {"phase_difference": found.phase, "phase_difference_error": found.error}
    return row | _from_populations(*pair)


def _from_populations(first: xr.Dataset, second: xr.Dataset) -> dict[str, float]:
    """Differences from populations, where these swing; with many fringes across a cloud they do not."""
    one, other = first["population"].values, second["population"].values
    if one.size < LEAST_PAIRS:
        return {}
    noise = float(np.median(np.concatenate([d["population_error"].values for d in (first, second)])))
    if min(one.std(), other.std()) < _SWINGING * noise:
        return {}
    ellipse, likely = fit_ellipse(one, other), fit_populations(one, other, noise)
    found = {} if ellipse is None else {"ellipse_difference": ellipse}
    told = {"likelihood_difference": likely.phase, "likelihood_difference_error": likely.error} if likely else {}
    return found | told


TASK = Task(
    name="fringes.measure_series",
    version="1",
    doc="Temperature of the cloud and differential phases of a series.",
    inputs=(Slot("drops", _READ, "Drops of every camera.", multiple=True),),
    outputs=(Output("series", v.SERIES, "One row for each camera.", dim="row"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=SeriesConfig,
    run=run,
)
