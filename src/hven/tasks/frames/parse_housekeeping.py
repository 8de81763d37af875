"""Numbers with units from the texts that boards report."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

from hven.model import housekeeping as hk
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.tasks.frames.device_records import rows_of, tabulate

_BOARD = re.compile(r"QUABO_\d+")
_BROKEN_SENSOR = 511.75
_FIELDS = {
    **{f"hv_{n}": f"HVMON{n}" for n in range(4)},
    **{f"hv_current_{n}": f"HVIMON{n}" for n in range(4)},
    "detector_temperature": "TEMP1",
    "fpga_temperature": "TEMP2",
    "raw_hv": "RAWHVMON",
    "rail_1v2": "V12MON",
    "rail_1v8": "V18MON",
    "rail_3v3": "V33MON",
    "rail_3v7": "V37MON",
    "current_1v0": "I10MON",
    "current_1v8": "I18MON",
    "current_3v3": "I33MON",
    "fpga_core": "VCCINT",
    "fpga_auxiliary": "VCCAUX",
    "shutter": "SHUTTER_STATUS",
    "light_sensor": "LIGHT_SENSOR_STATUS",
}


class HousekeepingConfig(Config):
    """Nothing to choose."""


def run(inputs: Inputs, config: HousekeepingConfig) -> Mapping[str, xr.Dataset]:
    """Read the boards' records; other devices are left to L0.

    A board's location is four times its detector plus its quadrant. A temperature of 511.75 degC is a broken sensor and
    becomes NaN, as does a field that is not there.

    Raises
    ------
    DataError
        Names the row whose text is no JSON object or whose field is no number.
    """
    del config
    records = inputs["records"]
    rows = rows_of(records, lambda device: bool(_BOARD.fullmatch(device)))
    board = np.array([int(str(device).partition("_")[2]) for device in records["device"].values[rows]], np.int64)
    detector, quabo = (board >> 2).astype(np.int32), (board & 3).astype(np.uint8)
    return {"numbers": tabulate(records, rows, list(_FIELDS), _numbers, detector=detector, quabo=quabo)}


def _numbers(_device: str, fields: Mapping[str, str]) -> dict[str, float]:
    values = {name: float(fields.get(key, "nan")) for name, key in _FIELDS.items()}
    if values["detector_temperature"] == _BROKEN_SENSOR:
        values["detector_temperature"] = float("nan")
    return values


TASK = Task(
    name="frames.parse_housekeeping",
    version="1",
    doc="Voltages, currents and temperatures of the boards as numbers with units.",
    inputs=(Slot("records", (hk.TIME, hk.DEVICE, hk.FIELDS), "Records as text.", order="time", every_row=True),),
    outputs=(Output("numbers", hk.VARIABLES, "One row for each reading of a board.", dim="time"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=HousekeepingConfig,
    run=run,
)
