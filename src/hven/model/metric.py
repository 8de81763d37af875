"""Quality metrics, their thresholds and the status that follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from hven.model.variable import Variable

if TYPE_CHECKING:
    import xarray as xr


class Status(StrEnum):
    """What a metric says against its threshold."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    MISSING = "missing"


SEVERITY = (Status.OK, Status.MISSING, Status.WARNING, Status.ERROR)
"""From best to worst."""


def worst(statuses: list[Status]) -> Status:
    """Worst of several; `missing` for none.

    Examples
    --------
    >>> worst([Status.OK, Status.WARNING])
    <Status.WARNING: 'warning'>
    """
    return max(statuses, key=SEVERITY.index, default=Status.MISSING)


@dataclass(frozen=True, slots=True)
class Metric:
    """A number with a unit that says how good the data are.

    Parameters
    ----------
    name
        A noun, e.g. ``lost_packets``.
    unit
        UDUNITS text.
    doc
        What it is and where the formula comes from.
    slot
        Which input of the task `qc.measure` it reads: ``frames``, ``pedestals``, ``housekeeping``, ``clocks``.
    variables
        What it needs; a dataset without them has no such metric.
    grain
        Whether it is evaluated for each hour and the whole observation, or for the observation only.
    compute
        ``compute(dataset) -> float``; NaN when it cannot be told.
    """

    name: str
    unit: str
    doc: str
    slot: str
    variables: tuple[Variable, ...]
    grain: Literal["hour", "observation"]
    compute: Callable[[xr.Dataset], float]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Limits of a metric, valid for data taken in `[begin, end)`.

    `lower, upper` bound `ok`; `lower_err, upper_err` bound `warning`; beyond them is `error`. A limit of None does not
    limit. `may_be_missing` says that data can be too short for the metric, which is then no fault.

    Examples
    --------
    >>> Threshold("lost_packets", upper=1.0, upper_err=10.0).status(3.0)
    <Status.WARNING: 'warning'>
    >>> Threshold("lost_packets", upper=1.0, upper_err=10.0).status(float("nan"))
    <Status.MISSING: 'missing'>
    """

    metric: str
    lower: float | None = None
    upper: float | None = None
    lower_err: float | None = None
    upper_err: float | None = None
    dataset_type: str = ""
    begin: int = 0
    end: int = 2**62
    advice: str = ""
    may_be_missing: bool = False

    def status(self, value: float) -> Status:
        """Status of a value."""
        if math.isnan(value):
            return Status.MISSING
        if _outside(value, self.lower_err, self.upper_err):
            return Status.ERROR
        return Status.WARNING if _outside(value, self.lower, self.upper) else Status.OK


def _outside(value: float, lower: float | None, upper: float | None) -> bool:
    return (lower is not None and value < lower) or (upper is not None and value > upper)
