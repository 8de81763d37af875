"""The task that compares a calibration with one made from frames that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from hven.core.errors import SchemaError
from hven.model import events
from hven.model import frames as v
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.qc.verification import VERIFICATION

_MAPS = ((v.DARK, v.DARK_ERROR), (v.GAIN, v.GAIN_ERROR))
"""Value and error of the maps that can be compared; a calibration holds one of them."""

_VARIABLES = tuple(replace(variable, optional=True) for pair in _MAPS for variable in pair)


class VerifyConfig(Config):
    """Nothing to choose."""


def run(inputs: Inputs, config: VerifyConfig) -> Mapping[str, xr.Dataset]:
    """Evaluate every comparison.

    Returns
    -------
    Mapping
        ``metrics``, whose time is that of the held-out frames.

    Raises
    ------
    SchemaError
        When the calibrations hold no map with its error, or maps of different shape.
    """
    del config
    candidate, held_out = inputs["candidate"], inputs["held_out"]
    name, error = next(
        ((value.name, error.name) for value, error in _MAPS if value.name in candidate and error.name in candidate),
        ("", ""),
    )
    if not name or candidate[name].shape != held_out[name].shape:
        raise SchemaError("candidate and held-out frames hold no map of the same shape with its error")
    ours, theirs = (dataset[name].values.astype(np.float64) for dataset in (candidate, held_out))
    expected = np.hypot(candidate[error].values.astype(np.float64), held_out[error].values.astype(np.float64))
    unit = str(candidate[name].attrs.get("units", "1"))
    span = held_out["begin"].values.min(), held_out["end"].values.max()
    rows = [
        (c.name, c.unit or unit, *span, "observation", c.compute(ours, theirs, expected)) for c in VERIFICATION.values()
    ]
    columns = zip(events.METRICS, zip(*rows, strict=True), strict=True)
    table = {c.name: ("row", np.array(x, object if c.dtype == "str" else c.dtype)) for c, x in columns}
    return {"metrics": xr.Dataset(table)}


TASK = Task(
    name="qc.verify",
    version="1",
    doc="How well a calibration fits frames that were not used to make it.",
    inputs=(
        Slot("held_out", (v.BEGIN, v.END, *_VARIABLES), "The same, made from the held-out frames.", whole=True),
        Slot("candidate", _VARIABLES, "What is to be verified.", whole=True, calibration=True),
    ),
    outputs=(Output("metrics", events.METRICS, "One row for each metric.", dim="row"),),
    dimensions=("instrument", "detector"),
    config=VerifyConfig,
    run=run,
)
