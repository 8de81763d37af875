"""Readings of quabos, White Rabbit switch, GPS and power switch during a simulated run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hven.core.clock import NS, format_utc
from hven.instruments.panoseti.products import QUABOS
from hven.instruments.panoseti.simulator.configurations import boardloc, uid
from hven.instruments.panoseti.simulator.faults import Faults
from hven.instruments.panoseti.simulator.seeds import random
from hven.instruments.panoseti.simulator.site import Telescope

_QUABO_EVERY_S = 10
_PORTS, _OTHER_LINKS = 18, 2
_LINK_DOWN = 0.2
"""Part of the run in which a lost link is down."""
_DETECTOR_C, _FPGA_C = 22.0, 48.0
_HV_LOAD_OHM = 0.499e6
Reading = tuple[str, Mapping[str, str]]


def readings(
    telescopes: Sequence[Telescope], start_ns: int, duration_s: float, *, seed: int, faults: Faults
) -> Iterator[Reading]:
    """All readings of a run: switches once a second, quabos and GPS every ten seconds."""
    draw = random(seed, "housekeeping", start_ns)
    for second in range(int(duration_s) + 1):
        time_ns, phase = start_ns + second * NS, second / max(duration_s, 1.0)
        utc = f"{time_ns // NS}.{round(draw.integers(100_000, 900_000))}"
        yield "WRSWITCH", _switch(utc, len(telescopes), faults, phase)
        if second % _QUABO_EVERY_S == 0:
            warmer = faults.drifting_temperature * phase
            for t in telescopes:
                yield from ((f"QUABO_{boardloc(t, q)}", _quabo(utc, t, q, draw, warmer)) for q in range(QUABOS))
            yield "WPS", {"Computer_UTC": utc, "POWER": "ON"}
            yield "GPSPRIM", _gps_primary(utc, time_ns)
            alone_s = max(0.0, second - duration_s * (1 - faults.lost_gps))
            yield "GPSSUPP", _gps_supplement(utc, time_ns, telescopes[0], draw) | _holdover(round(alone_s))


def _quabo(utc: str, telescope: Telescope, quabo: int, draw: np.random.Generator, warmer: float) -> dict[str, str]:
    voltage = draw.normal(-55.7, 0.02, 4)
    current = np.abs(voltage) / _HV_LOAD_OHM + draw.normal(7e-5, 1e-6, 4)
    numbers = {
        **{f"HVMON{i}": voltage[i] for i in range(4)},
        **{f"HVIMON{i}": current[i] for i in range(4)},
        "RAWHVMON": draw.normal(72.5, 0.05),
        "V12MON": draw.normal(1.180, 0.0005),
        "V18MON": draw.normal(1.788, 0.0005),
        "V33MON": draw.normal(3.284, 0.001),
        "V37MON": draw.normal(3.716, 0.002),
        "I10MON": draw.normal(1.2, 0.01),
        "I18MON": draw.normal(0.354, 0.001),
        "I33MON": draw.normal(0.118, 0.001),
        "TEMP1": round((_DETECTOR_C + warmer + draw.normal(0, 0.1)) * 4) / 4,
        "TEMP2": _FPGA_C + warmer + draw.normal(0, 0.3),
        "VCCINT": draw.normal(0.988, 0.0005),
        "VCCAUX": draw.normal(1.784, 0.0005),
    }
    texts = {
        "UID": f"0x{uid(telescope, quabo)}",
        "SHUTTER_STATUS": "0",
        "LIGHT_SENSOR_STATUS": "0",
        "PCBREV_N": "0",
        "FWTIME": "0x28b4667a",
        "FWVER": "0208",
        "StartUp": "0",
        "STATUS_MSG": "",
        "AGG_STATUS_MSG": "ok,",
        "AGG_STATUS_LEVEL": "0",
    }
    leak = {f"DETR{i}_CURR": current[i] - abs(voltage[i]) / _HV_LOAD_OHM for i in range(4)}
    head = {"Computer_UTC": utc, "BOARDLOC": str(boardloc(telescope, quabo))}
    return head | _texts(numbers) | texts | _texts(leak)


def _texts(numbers: Mapping[str, float]) -> dict[str, str]:
    return {k: repr(float(v)) for k, v in numbers.items()}


def _switch(utc: str, telescopes: int, faults: Faults, phase: float) -> dict[str, str]:
    boards = telescopes * QUABOS
    up = boards + _OTHER_LINKS - faults.lost_link * (abs(phase - 0.5) < _LINK_DOWN / 2)
    links = {f"Port{i:>2}_LINK": str(int(i <= up)) for i in range(1, _PORTS + 1)}
    return {"Computer_UTC": utc, **links, "SOFTPLL": str(int(phase <= 1 - faults.unlocked_switch))}


def _gps_primary(utc: str, time_ns: int) -> dict[str, str]:
    return {
        "Computer_UTC": utc,
        "GPSTIME": format_utc(time_ns // NS * NS),
        "TOW": str((time_ns // NS - 315_964_800) % 604_800),
        "WEEKNUMBER": str((time_ns // NS - 315_964_800) // 604_800),
        "UTCOFFSET": "18",
        "TIMEFLAG": "GPS",
        "PPSFLAG": "GPS",
        "TIMESET": "1",
        "UTCINFO": "1",
        "TIMEFROMGPS": "1",
    }


def _gps_supplement(utc: str, time_ns: int, telescope: Telescope, draw: np.random.Generator) -> dict[str, str]:
    alarms = (
        "DACatRail DACnearRail AntennaOpen AntennaShorted NotTrackingSatellites NotDiscipliningOscillator "
        "SurveyInProgress NoStoredPosition LeapSecondPending InTestMode PositionIsQuestionable EEPROMCorrupt "
        "AlmanacNotComplete PPSNotGenerated"
    )
    return {
        "Computer_UTC": utc,
        "GPSTIME": format_utc(time_ns // NS * NS),
        "RECEIVERMODE": "Overdetermined Clock (Timing)",
        "DISCIPLININGMODE": "Normal",
        "SELFSURVEYPROGRESS": "100",
        "HOLDOVERDURATION": "0",
        **dict.fromkeys(alarms.split(), "0"),
        "GPSDECODINGSTATUS": "Doing fixes",
        "DISCIPLININGACTIVITY": "Phase locking",
        "SPARESTATUS1": "0",
        "SPARESTATUS2": "0",
        "PPSOFFSET": repr(float(draw.normal(0, 3.0))),
        "CLOCKOFFSET": repr(float(draw.normal(0, 0.05))),
        "DACVALUE": "524288",
        "DACVOLTAGE": "2.5",
        "TEMPERATURE": repr(float(draw.normal(38.0, 0.1))),
        "LATITUDE": str(np.radians(telescope.latitude)),
        "LONGITUDE": str(np.radians(telescope.longitude)),
        "ALTITUDE": str(telescope.altitude),
        "PPSQUANTIZATIONERROR": repr(float(draw.normal(0, 5.0))),
    }


def _holdover(alone_s: int) -> dict[str, str]:
    """What a receiver says after so many seconds without satellites."""
    if not alone_s:
        return {}
    return {
        "DISCIPLININGMODE": "Auto Holdover",
        "HOLDOVERDURATION": str(alone_s),
        "NotTrackingSatellites": "1",
        "NotDiscipliningOscillator": "1",
        "GPSDECODINGSTATUS": "No usable satellites",
        "DISCIPLININGACTIVITY": "Inactive",
    }
