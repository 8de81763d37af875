"""Numbers from what the White Rabbit switch and the GPS receiver say about themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

from hven.model import housekeeping as hk
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.tasks.frames.device_records import rows_of, tabulate

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
    names = [variable.name for variable in hk.CLOCK_NUMBERS]
    rows = rows_of(records, _READ.__contains__)
    return {"clocks": tabulate(records, rows, names, lambda device, fields: _READ[device](fields))}


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


_READ = {"WRSWITCH": _switch, "GPSSUPP": _receiver}


TASK = Task(
    name="frames.parse_clocks",
    version="1",
    doc="State of the White Rabbit switch and the GPS receiver as numbers with units.",
    inputs=(Slot("records", (hk.TIME, hk.DEVICE, hk.FIELDS), "Records as text.", order="time", every_row=True),),
    outputs=(Output("clocks", hk.CLOCKS, "One row for each reading of a reference clock.", dim="time"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=ClocksConfig,
    run=run,
)
