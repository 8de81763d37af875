"""Shared variables of housekeeping: what a telescope's boards say about themselves."""

from __future__ import annotations

from hven.model.variable import Variable

_T = ("time",)

TIME = Variable("time", _T, "datetime64[ns]", "", "Time of the reading, UTC.")
DEVICE = Variable("device", _T, "str", "", "Name of the device.")
FIELDS = Variable("fields", _T, "str", "", "JSON object with the device's fields, as recorded.")
DETECTOR = Variable("detector", _T, "int32", "", "Detector to which the board belongs.")
QUABO = Variable("quabo", _T, "uint8", "", "Quadrant to which the board belongs.")


def _numbers(prefix: str, units: str, doc: str) -> tuple[Variable, ...]:
    return tuple(Variable(f"{prefix}_{n}", _T, "float32", units, f"{doc} {n}.") for n in range(4))


HV = _numbers("hv", "V", "Bias voltage of channel")
HV_CURRENT = _numbers("hv_current", "A", "Bias current of channel")
DETECTOR_TEMPERATURE = Variable("detector_temperature", _T, "float32", "degC", "Temperature of the detector.")
FPGA_TEMPERATURE = Variable("fpga_temperature", _T, "float32", "degC", "Temperature of the FPGA.")
RAILS = (
    Variable("raw_hv", _T, "float32", "V", "Voltage before the bias regulators."),
    Variable("rail_1v2", _T, "float32", "V", "1.2 V rail."),
    Variable("rail_1v8", _T, "float32", "V", "1.8 V rail."),
    Variable("rail_3v3", _T, "float32", "V", "3.3 V rail."),
    Variable("rail_3v7", _T, "float32", "V", "3.7 V rail."),
    Variable("current_1v0", _T, "float32", "A", "Current of the 1.0 V rail."),
    Variable("current_1v8", _T, "float32", "A", "Current of the 1.8 V rail."),
    Variable("current_3v3", _T, "float32", "A", "Current of the 3.3 V rail."),
    Variable("fpga_core", _T, "float32", "V", "Core voltage of the FPGA."),
    Variable("fpga_auxiliary", _T, "float32", "V", "Auxiliary voltage of the FPGA."),
)
SHUTTER = Variable("shutter", _T, "float32", "1", "Shutter status as the board gives it.")
LIGHT_SENSOR = Variable("light_sensor", _T, "float32", "1", "Light sensor status as the board gives it.")

NUMBERS = (*HV, *HV_CURRENT, DETECTOR_TEMPERATURE, FPGA_TEMPERATURE, *RAILS, SHUTTER, LIGHT_SENSOR)
"""Readings, NaN where a sensor is broken or the board does not give one."""

VARIABLES = (TIME, DEVICE, DETECTOR, QUABO, *NUMBERS)
"""One row for each reading of a board."""

PLL_LOCKED = Variable(
    "pll_locked", _T, "float32", "1", "1 where the White Rabbit switch follows its reference, else 0."
)
LINKS_UP = Variable("links_up", _T, "float32", "1", "Ports of the White Rabbit switch with a link.")
GPS_LOCKED = Variable(
    "gps_locked", _T, "float32", "1", "1 where the GPS receiver has fixes and steers its oscillator by them, else 0."
)
GPS_HOLDOVER = Variable("gps_holdover", _T, "float32", "s", "Time for which the receiver's oscillator ran on its own.")
GPS_PPS_OFFSET = Variable("gps_pps_offset", _T, "float32", "ns", "The receiver's second against GPS, as it tells it.")
GPS_CLOCK_OFFSET = Variable(
    "gps_clock_offset", _T, "float32", "1e-9", "Relative frequency of the receiver's oscillator against GPS."
)
GPS_ALARMS = Variable("gps_alarms", _T, "float32", "1", "Alarms of the receiver, without a coming leap second.")

CLOCK_NUMBERS = (PLL_LOCKED, LINKS_UP, GPS_LOCKED, GPS_HOLDOVER, GPS_PPS_OFFSET, GPS_CLOCK_OFFSET, GPS_ALARMS)
"""Readings of the reference clocks, NaN where the device does not give one."""

CLOCKS = (TIME, DEVICE, *CLOCK_NUMBERS)
"""One row for each reading of the White Rabbit switch or the GPS receiver."""
