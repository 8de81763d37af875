"""Numbers from what the White Rabbit switch and the GPS receiver say about themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

from hven.core.errors import DataError
from hven.model import housekeeping as hk
from hven.model.task import Config, Inputs, Output, Slot, Task

_LINK = re.compile(r"Port ?\d+_LINK")
_ALARMS = (
    *("DACatRail", "DACnearRail", "AntennaOpen", "AntennaShorted", "NotTrackingSatellites"),
    *("NotDiscipliningOscillator", "SurveyInProgress", "NoStoredPosition", "InTestMode", "PositionIsQuestionable"),
    *("EEPROMCorrupt", "AlmanacNotComplete", "PPSNotGenerated"),
)
_LOST = ("NotTrackingSatellites", "NotDiscipliningOscillator", "PPSNotGenerated")


class ClocksConfig(Config):
    """Nothing to choose."""


def run(inputs: Inputs, config: ClocksConfig) -> Mapping[str, xr.Dataset]:
    """Read the records of WRSWITCH and GPSSUPP; other devices are left to L0.

    The GPS receiver is locked while it decodes fixes and none of its alarms says that it tracks no satellites, does not
    discipline its oscillator or gives no pulse per second. How many satellites it tracks is not in its records.

    Raises
    ------
    DataError
        Names the row whose text is no JSON object or whose field is no number.
    """
    del config
    records = inputs["records"]
    read = {"WRSWITCH": _switch, "GPSSUPP": _receiver}
    rows = [row for row, device in enumerate(records["device"].values) if str(device) in read]
    numbers = np.full((len(rows), len(hk.CLOCK_NUMBERS)), np.nan, np.float32)
    names = [variable.name for variable in hk.CLOCK_NUMBERS]
    for place, row in enumerate(rows):
        try:
            found = read[str(records["device"].values[row])](json.loads(records["fields"].values[row]))
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"housekeeping row {row}: {error}") from None
        for name, value in found.items():
            numbers[place, names.index(name)] = value
    columns = {"device": records["device"].values[rows], **dict(zip(names, numbers.T, strict=True))}
    times = records["time"].values[rows]
    return {
        "clocks": xr.Dataset({k: ("time", c) for k, c in columns.items()}, {"time": ("time", times)}, records.attrs)
    }


def _switch(fields: Mapping[str, str]) -> dict[str, float]:
    links = [float(value) for key, value in fields.items() if _LINK.fullmatch(key)]
    return {
        "pll_locked": _number(fields, "SOFTPLL"),
        "links_up": float(np.count_nonzero(links)) if links else float("nan"),
    }


def _receiver(fields: Mapping[str, str]) -> dict[str, float]:
    alarms = {name: bool(float(fields[name])) for name in _ALARMS if name in fields}
    locked = fields.get("GPSDECODINGSTATUS") == "Doing fixes" and not any(alarms.get(name) for name in _LOST)
    return {
        "gps_locked": float(locked),
        "gps_holdover": _number(fields, "HOLDOVERDURATION"),
        "gps_pps_offset": _number(fields, "PPSOFFSET"),
        "gps_clock_offset": _number(fields, "CLOCKOFFSET"),
        "gps_alarms": float(sum(alarms.values())),
    }


def _number(fields: Mapping[str, str], name: str) -> float:
    return float(fields.get(name, "nan"))


TASK = Task(
    name="frames.parse_clocks",
    version="1",
    doc="State of the White Rabbit switch and the GPS receiver as numbers with units.",
    inputs=(Slot("records", (hk.TIME, hk.DEVICE, hk.FIELDS), "Records as text.", order="time"),),
    outputs=(Output("clocks", hk.CLOCKS, "One row for each reading of a reference clock.", dim="time"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=ClocksConfig,
    run=run,
)
