"""The task that evaluates every metric that applies; it stands above `hven.tasks` because it knows the metrics."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import events
from hven.model import frames as v
from hven.model import housekeeping as hk
from hven.model.metric import Metric
from hven.model.task import Block, Config, Inputs, Output, Slot, Task
from hven.qc import METRICS
from hven.qc.series import nanoseconds
from hven.qc.shutter import with_shutter
from hven.qc.summary import join, split, summarise

_HOUR_NS = 3600 * NS
_SLOTS = {"pedestals": ("begin", "cell"), "housekeeping": ("time", "time"), "clocks": ("time", "time")}
_READINGS = {"housekeeping", "clocks"}
_OBSERVATION = -1
"""Stands for the whole observation where there are numbers of hours."""

_OTHERS = {"other_hour": "int64", "other_metric": "str", "other_unit": "str", "other_value": "float64"}

Row = tuple[str, str, np.datetime64, np.datetime64, str, float]
Value = tuple[int, str, str, float]


class MeasureConfig(Config):
    """Nothing to choose."""

    hour_s: ClassVar[int] = 3600


def run(inputs: Inputs, config: MeasureConfig) -> Mapping[str, xr.Dataset]:
    """Summarise the frames of each hour, UTC, and evaluate what does not hang on them.

    Of the housekeeping only the rows of the frames' detector count, and of it and the clocks none that was read more
    than an hour before the frames: the control software repeats old readings of devices that are silent. What belongs
    to the whole observation is evaluated with its first frames.

    Returns
    -------
    Mapping
        ``metrics``, without rows; what `combine` makes them from.
    """
    del config
    frames = inputs["frames"].isel(time=inputs.own)
    hours = nanoseconds(frames["time"]) // _HOUR_NS
    bounds = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)] if len(hours) else []
    parts = [summarise(frames.isel(time=slice(a, b))) for a, b in itertools.pairwise(bounds)]
    others = {name: inputs[name] for name in _SLOTS if name in inputs}
    if "housekeeping" in others:
        own = others["housekeeping"]["detector"].values == int(inputs.data_id("frames")["detector"])
        others["housekeeping"] = others["housekeeping"].isel(time=np.flatnonzero(own))
        if "pedestals" in others and "shutter" in others["housekeeping"]:
            others["pedestals"] = with_shutter(others["pedestals"], others["housekeeping"])
    if parts:
        oldest = int(parts[0]["first"].values[0]) - _HOUR_NS
        for name in _READINGS & set(others):
            others[name] = others[name].isel(time=np.flatnonzero(nanoseconds(others[name]["time"]) >= oldest))
    numbers = ([_OBSERVATION] if inputs.start == 0 and parts else []) + [int(hours[a]) for a in bounds[:-1]]
    values = [value for number in numbers for value in _evaluated(others, number)]
    columns = list(zip(*values, strict=True)) or [()] * len(_OTHERS)
    carried = {name: ("other", _column(kind, c)) for (name, kind), c in zip(_OTHERS.items(), columns, strict=True)}
    summary = join(parts) if parts else xr.Dataset()
    return {"metrics": summary.assign(carried).assign(_table([]).variables)}


def combine(parts: Mapping[str, list[xr.Dataset]], config: MeasureConfig) -> Mapping[str, xr.Dataset]:
    """Rows of the whole observation and of each of its hours.

    A metric applies when its slot is filled and holds its variables.
    """
    del config
    given = [part for part in parts["metrics"] if "first" in part]
    if not given:
        return {"metrics": _table([])}
    whole = join(given)
    others = list(zip(*(whole[name].values.tolist() for name in _OTHERS), strict=True))
    begin, end = int(whole["first"].values[0]), int(whole["last"].values[-1]) + 1
    rows = _rows(whole, others, _OBSERVATION, ("observation", begin, end))
    for hour in split(whole):
        number = int(hour["first"].values[0]) // _HOUR_NS
        span = max(begin, number * _HOUR_NS), min(end, (number + 1) * _HOUR_NS)
        rows += _rows(hour, others, number, ("hour", *span))
    return {"metrics": _table(rows)}


def _rows(summary: xr.Dataset, others: list[Value], number: int, span: tuple[str, int, int]) -> list[Row]:
    grain, limits = span[0], (np.datetime64(span[1], "ns"), np.datetime64(span[2], "ns"))
    there = set(summary.attrs["variables"])
    found = [
        (m.name, m.unit, float(m.compute(summary)))
        for m in METRICS
        if m.slot == "frames" and grain in {m.grain, "observation"} and there >= {x.name for x in m.variables}
    ]
    found += [(metric, unit, value) for hour, metric, unit, value in others if hour == number]
    return [(metric, unit, *limits, grain, value) for metric, unit, value in found]


def _table(rows: list[Row]) -> xr.Dataset:
    columns = list(zip(*rows, strict=True)) or [()] * len(events.METRICS)
    return xr.Dataset({c.name: ("row", _column(c.dtype, x)) for c, x in zip(events.METRICS, columns, strict=True)})


def _column(dtype: str, values: Any) -> NDArray[Any]:
    return np.array(values, object if dtype == "str" else dtype)


def _evaluated(datasets: Mapping[str, xr.Dataset], number: int) -> Iterator[Value]:
    """Metrics of the other slots in an hour or the observation."""
    grain = "observation" if number == _OBSERVATION else "hour"
    parts = {slot: _part(slot, dataset, number) for slot, dataset in datasets.items()}
    for metric in METRICS:
        part = parts.get(metric.slot)
        if part is not None and _applies(metric, part, grain):
            yield number, metric.name, _unit(metric, part), float(metric.compute(part))


def _unit(metric: Metric, part: xr.Dataset) -> str:
    """Unit of the metric; where it is the images' own, as the data say it."""
    return metric.unit.replace("adu", part[metric.variables[-1].name].attrs.get("units", "adu"))


def _applies(metric: Metric, part: xr.Dataset, grain: str) -> bool:
    rows = part.sizes[_SLOTS[metric.slot][1]]
    return bool(rows) and grain in {metric.grain, "observation"} and all(x.name in part for x in metric.variables)


def _part(slot: str, dataset: xr.Dataset, number: int) -> xr.Dataset:
    if number == _OBSERVATION:
        return dataset
    coordinate, dim = _SLOTS[slot]
    return dataset.isel({dim: np.flatnonzero(nanoseconds(dataset[coordinate]) // _HOUR_NS == number)})


TASK = Task(
    name="qc.measure",
    version="4",
    doc="Every quality metric that applies, for the observation and each of its hours.",
    inputs=(
        Slot(
            "frames",
            (
                *(v.TIME, v.QUALITY, v.FRAME_MEAN, v.BRIGHTNESS, v.HOST_LAG, v.TAI_OFFSET, v.SPREAD, v.LOST_PACKETS),
                *(v.QUABO_VALID, v.QUABO, v.PKT_NUM),
            ),
            "Headers and quality of calibrated frames, no pixels.",
            order="time",
            every_row=True,
        ),
        Slot(
            "pedestals",
            (v.BEGIN, v.END, v.PEDESTAL, v.NOISE, v.MAXIMUM, v.SATURATED_FRACTION),
            "Pedestals and statistics of the same frames.",
            whole=True,
            every_row=True,
        ),
        Slot(
            "housekeeping",
            (hk.TIME, hk.DETECTOR, hk.QUABO, *hk.NUMBERS),
            "Readings of the boards.",
            whole=True,
            optional=True,
            every_row=True,
        ),
        Slot(
            "clocks",
            (hk.TIME, *hk.CLOCK_NUMBERS),
            "Readings of the reference clocks.",
            whole=True,
            optional=True,
            every_row=True,
        ),
    ),
    outputs=(Output("metrics", events.METRICS, "One row for each metric and time.", dim="row"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=MeasureConfig,
    run=run,
    combine=combine,
    block=Block("time", every_s="hour_s"),
)
