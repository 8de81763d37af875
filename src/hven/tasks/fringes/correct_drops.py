"""What a drop says back to lasers and drop system: corrections with their errors, outliers among them marked.

The phase of the fringes is that of the lasers: ``2 pi T`` times the offset of their frequency from where the phase is
the one wanted, ``T`` being the time between the pulses. The place of the cloud at its exposure is the launch's tilt
times the speed times the time of flight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.model import fringes as v
from hven.model.feedback import FEEDBACK
from hven.model.task import Block, Config, Inputs, Output, Slot, Task

_UNUSABLE = v.QUALITY_FLAGS["no_cloud"] | v.QUALITY_FLAGS["missing_port"] | v.QUALITY_FLAGS["bad_fit"]
_COLUMNS = ("time", "exposure", "flight", "quality", "phase", "phase_error", "x_1", "x_1_error")
_TO_SIGMA = 1.4826
_NS = 1e9
_LEAST, _BEFORE = 3, 8
Array = NDArray[np.float64]


class CorrectConfig(Config):
    """What is wanted, and what is believed."""

    phase: Annotated[float, Field(description="Phase that is wanted, in radians.")] = 0.0
    interrogation_s: Annotated[float, Field(gt=0, description="Time between the lasers' pulses.")] = 0.01
    place_m: Annotated[float, Field(description="Place of the first port along the columns that is wanted.")] = 0.0
    launch_m_s: Annotated[float, Field(gt=0, description="Speed at the launch.")] = 1.0
    outlier: Annotated[float, Field(gt=0, description="Standard deviations from the drops before, beyond which a value "
                                    "is not to be followed.")] = 6.0  # fmt: skip
    valid_s: Annotated[float, Field(gt=0, description="How long after its exposure a correction holds.")] = 120.0


def run(inputs: Inputs, config: CorrectConfig) -> Mapping[str, xr.Dataset]:
    """Corrections of every good drop, compared with those of the drops before it.

    Returns
    -------
    Mapping
        ``corrections``, dim row; two rows for each drop that is good.
    """
    drops = inputs["drops"]
    own = range(drops.sizes["time"])[inputs.own]
    good = (drops["quality"].values & _UNUSABLE) == 0
    told = {"laser_frequency": ("Hz", *_frequency(drops, config)), "launch_tilt": ("rad", *_tilt(drops, config))}
    rows = [
        {
            **_when(drops, at, config.valid_s), "parameter": name, "units": units, "value": value[at],
            "sigma": sigma[at], "accepted": _accepted(value[near][good[near]], value[at], sigma[at], config.outlier),
        }
        for at in own if good[at]
        for near in [slice(max(0, at - _BEFORE), at)]
        for name, (units, value, sigma) in told.items()
    ]  # fmt: skip
    return {"corrections": _dataset(rows)}


def _frequency(drops: xr.Dataset, config: CorrectConfig) -> tuple[Array, Array]:
    per_radian = 1 / (2 * math.pi * config.interrogation_s)
    off = np.angle(np.exp(1j * (drops["phase"].values - config.phase)))
    return -off * per_radian, drops["phase_error"].values * per_radian


def _tilt(drops: xr.Dataset, config: CorrectConfig) -> tuple[Array, Array]:
    fall = config.launch_m_s * drops["flight"].values
    return -(drops["x_1"].values - config.place_m) / fall, drops["x_1_error"].values / fall


def _accepted(before: Array, value: float, sigma: float, limit: float) -> bool:
    """Whether a value lies among those before it; the first few are believed."""
    if before.size < _LEAST:
        return True
    middle = float(np.median(before))
    spread = max(_TO_SIGMA * float(np.median(np.abs(before - middle))), sigma)
    return bool(abs(value - middle) <= limit * spread)


def _when(drops: xr.Dataset, at: int, valid_s: float) -> dict[str, Any]:
    time = drops["time"].values[at]
    until = time + np.timedelta64(round(valid_s * _NS), "ns")
    return {"time": time, "exposure": int(drops["exposure"].values[at]), "valid_until": until}


def _dataset(rows: list[dict[str, Any]]) -> xr.Dataset:
    kinds = {x.name: object if x.dtype == "str" else x.dtype for x in FEEDBACK}
    columns = {x.name: ("row", np.array([r[x.name] for r in rows], kinds[x.name])) for x in FEEDBACK}
    return xr.Dataset(columns)


TASK = Task(
    name="fringes.correct_drops",
    version="1",
    doc="What each drop says back to the lasers' frequency and the launch's tilt.",
    inputs=(Slot("drops", tuple(x for x in v.DROPS if x.name in _COLUMNS), "What was measured on each drop."),),
    outputs=(Output("corrections", FEEDBACK, "One row for each parameter and drop.", dim="row"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=CorrectConfig,
    run=run,
    block=Block("time", length=4096, halo=_BEFORE),
)
