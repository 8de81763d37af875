"""The task that evaluates every metric that applies; it stands above `hven.tasks` because it knows the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import events
from hven.model import frames as v
from hven.model import housekeeping as hk
from hven.model.metric import Metric
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.qc import METRICS
from hven.qc.series import nanoseconds

_HOUR_NS = 3600 * NS
_SLOTS = {"frames": ("time", "time"), "pedestals": ("begin", "cell"), "housekeeping": ("time", "time")}
Span = tuple[str, int, int]
Row = tuple[str, str, np.datetime64, np.datetime64, str, float]


class MeasureConfig(Config):
    """Nothing to choose."""


def run(inputs: Inputs, config: MeasureConfig) -> Mapping[str, xr.Dataset]:
    """Evaluate metrics for the whole observation and for each hour, UTC, in which there are frames.

    A metric applies when its slot is filled and holds its variables. Of the housekeeping only the rows of the frames'
    detector count.

    Returns
    -------
    Mapping
        ``metrics``, one row for each metric and time.
    """
    del config
    datasets = {name: inputs[name] for name in _SLOTS if name in inputs}
    if "housekeeping" in datasets:
        own = datasets["housekeeping"]["detector"].values == int(inputs.data_id("frames")["detector"])
        datasets["housekeeping"] = datasets["housekeeping"].isel(time=np.flatnonzero(own))
    spans = _spans(nanoseconds(datasets["frames"]["time"]))
    rows = [row for span in spans for row in _evaluated(datasets, span)]
    columns = list(zip(*rows, strict=True)) or [()] * len(events.METRICS)
    return {
        "metrics": xr.Dataset(
            {c.name: ("row", _column(c.dtype, x)) for c, x in zip(events.METRICS, columns, strict=True)}
        )
    }


def _column(dtype: str, values: Any) -> NDArray[Any]:
    return np.array(values, object if dtype == "str" else dtype)


def _spans(times: NDArray[np.int64]) -> list[Span]:
    if not len(times):
        return []
    begin, end = int(times.min()), int(times.max()) + 1
    hours = np.unique(times // _HOUR_NS).tolist()
    cut = [("hour", max(begin, h * _HOUR_NS), min(end, (h + 1) * _HOUR_NS)) for h in hours]
    return [("observation", begin, end), *cut]


def _evaluated(datasets: Mapping[str, xr.Dataset], span: Span) -> Iterator[Row]:
    grain, begin, end = span
    parts = {slot: _part(slot, dataset, span) for slot, dataset in datasets.items()}
    for metric in METRICS:
        part = parts.get(metric.slot)
        if part is not None and _applies(metric, part, grain):
            limits = np.datetime64(begin, "ns"), np.datetime64(end, "ns")
            yield metric.name, _unit(metric, part), *limits, grain, float(metric.compute(part))


def _unit(metric: Metric, part: xr.Dataset) -> str:
    """Unit of the metric; where it is the images' own, as the data say it."""
    return metric.unit.replace("adu", part[metric.variables[-1].name].attrs.get("units", "adu"))


def _applies(metric: Metric, part: xr.Dataset, grain: str) -> bool:
    rows = part.sizes[_SLOTS[metric.slot][1]]
    return bool(rows) and grain in {metric.grain, "observation"} and all(x.name in part for x in metric.variables)


def _part(slot: str, dataset: xr.Dataset, span: Span) -> xr.Dataset:
    grain, begin, end = span
    if grain == "observation":
        return dataset
    coordinate, dim = _SLOTS[slot]
    times = nanoseconds(dataset[coordinate])
    first = begin // _HOUR_NS * _HOUR_NS
    return dataset.isel({dim: np.flatnonzero((times >= first) & (times < max(end, first + _HOUR_NS)))})


TASK = Task(
    name="qc.measure",
    version="1",
    doc="Every quality metric that applies, for the observation and each of its hours.",
    inputs=(
        Slot(
            "frames",
            (
                *(v.TIME, v.QUALITY, v.FRAME_MEAN, v.BRIGHTNESS, v.HOST_LAG, v.TAI_OFFSET, v.SPREAD, v.LOST_PACKETS),
                *(v.QUABO_VALID, v.QUABO, v.PKT_NUM),
            ),
            "Headers and quality of calibrated frames, no pixels.",
        ),
        Slot(
            "pedestals",
            (v.BEGIN, v.END, v.PEDESTAL, v.NOISE, v.MEAN, v.SATURATED_FRACTION),
            "Pedestals and statistics of the same frames.",
        ),
        Slot(
            "housekeeping",
            (hk.TIME, hk.DETECTOR, hk.QUABO, *hk.NUMBERS),
            "Readings of the boards.",
            optional=True,
        ),
    ),
    outputs=(Output("metrics", events.METRICS, "One row for each metric and time.", dim="row"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=MeasureConfig,
    run=run,
)
