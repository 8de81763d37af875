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
