"""What a measurement says back to the hardware: corrections with their errors, and how long they hold."""

from __future__ import annotations

from hven.model.variable import Variable

_R = ("row",)

ACCEPTED = Variable("accepted", _R, "int8", "", "1 where the correction is to be followed, 0 for an outlier.")

FEEDBACK = (
    Variable("time", _R, "datetime64[ns]", "", "UTC time of the exposure that was measured."),
    Variable("exposure", _R, "int64", "1", "Number of the exposure that was measured."),
    Variable("parameter", _R, "str", "", "What is to be corrected."),
    Variable("units", _R, "str", "", "Units of value and sigma."),
    Variable("value", _R, "float64", "", "Correction: what is to be added to the parameter."),
    Variable("sigma", _R, "float64", "", "Its standard error."),
    Variable("valid_until", _R, "datetime64[ns]", "", "UTC time after which it is not to be used any more."),
    ACCEPTED,
)
"""Columns of a table of corrections, one row for each parameter and exposure."""


def is_feedback(names: frozenset[str]) -> bool:
    """Whether a table with these columns holds corrections."""
    return {v.name for v in FEEDBACK} <= names
