"""Events that several telescopes saw at the same time, and how many would be by chance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.clock import NS
from hven.model import events
from hven.model import frames as v
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.tasks.showers.clocks import require_locked
from hven.tasks.showers.windows import count_pairs, group

_LIGHT_M_PER_S = 299_792_458.0
_EVENTS_IN_SPAN = 30  # fewer would count true coincidences as chance, more would hide shorter gaps
_REFUSED = v.QUALITY_FLAGS["clock_bad"] | v.QUALITY_FLAGS["duplicate"]

Columns = dict[str, NDArray[Any]]
"""Events: time, detector, product and frame of each."""


class CoincidenceConfig(Config):
    """What counts as the same time."""

    baseline_m: Annotated[float, Field(ge=0, description="Largest distance between telescopes in metres.")] = 600.0
    margin_ns: Annotated[int, Field(ge=0, description="Added to the light's travel time, for clocks and fronts.")] = 500
    shifts: Annotated[int, Field(ge=20, le=1000, description="Time shifts for the accidental background.")] = 40
    shift_s: Annotated[float, Field(gt=0, description="Length of one shift in seconds.")] = 1.0

    @property
    def window_ns(self) -> int:
        """Largest difference in time: baseline over the speed of light, plus the margin."""
        return math.ceil(self.baseline_m / _LIGHT_M_PER_S * NS) + self.margin_ns


def run(inputs: Inputs, config: CoincidenceConfig) -> Mapping[str, xr.Dataset]:
    """Group the events of all detectors, those of a detector's data products together.

    Frames with a bad clock and repeated frames are left out. Attributes hold, for each pair of detectors: `pairs` (both
    numbers), `pairs_found`, `accidentals_predicted` ``= 2 R1 R2 w T`` over the time T both were on (with the rates of
    spans of some 30 events, so that pauses and marked times that are longer do not count), `accidentals_shifted` (mean
    number of pairs over the time shifts, on either side) and its standard error `accidentals_shifted_error`.

    Returns
    -------
    Mapping
        ``coincidences``, dim event, in order of time; nothing where there is one telescope only.

    Raises
    ------
    ClockError
        When a telescope's clock is not locked, or they are not locked alike.
    """
    detectors = [int(data_id["detector"]) for data_id in inputs.data_ids["events"]]
    if len(set(detectors)) == 1:
        return {}
    tables = list(zip(detectors, inputs["events"], strict=True))
    require_locked((detector, str(t.attrs.get("clock_status", ""))) for detector, t in tables)
    rows = [_rows(detector, table, inputs, which) for which, (detector, table) in enumerate(tables)]
    found = _grouped(_in_order(rows), config.window_ns)
    times = {
        detector: np.sort(np.concatenate([r["time"] for d, r in zip(detectors, rows, strict=True) if d == detector]))
        for detector in sorted(set(detectors))
    }
    return {"coincidences": found.assign_attrs({"window_ns": config.window_ns, **_accidentals(times, config)})}


def _rows(detector: int, table: xr.Dataset, inputs: Inputs, which: int) -> Columns:
    """Usable events of one data product."""
    usable = np.flatnonzero((table["quality"].values & _REFUSED) == 0)
    product = str(table.attrs.get("data_product", ""))
    return {
        "time": table["time"].values.astype("datetime64[ns]").astype(np.int64)[usable],
        "detector": np.full(len(usable), detector, np.int64),
        "product": np.full(len(usable), product, object),
        "frame": inputs.in_dataset("events", usable, which),
    }


def _in_order(parts: Sequence[Columns]) -> Columns:
    """Events of all parts in order of time, detector, product and frame."""
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((whole["frame"], whole["product"].astype(str), whole["detector"], whole["time"]))
    return {name: column[order] for name, column in whole.items()}


def _grouped(events_of_all: Columns, window: int) -> xr.Dataset:
    groups = np.empty(len(events_of_all["time"]), np.int64)
    count = group(events_of_all["time"], events_of_all["detector"], window, groups)
    kept = {name: column[groups >= 0] for name, column in events_of_all.items()}
    times, detector, groups = kept["time"], kept["detector"], groups[groups >= 0]
    begin = np.searchsorted(groups, np.arange(count))
    distinct = np.array([len(set(detector[groups == g])) for g in range(count)], np.int32)
    columns: dict[str, Any] = {
        "group": groups,
        "detector": detector.astype(np.int32),
        "product": kept["product"],
        "frame": kept["frame"],
        "dt": times - times[begin[groups]],
        "multiplicity": distinct[groups],
    }
    coords = {"time": ("event", times.astype("datetime64[ns]"))}
    return xr.Dataset({k: ("event", c) for k, c in columns.items()}, coords)


def _accidentals(times: Mapping[int, NDArray[np.int64]], config: CoincidenceConfig) -> dict[str, list[Any]]:
    facts: dict[str, list[Any]] = {
        "pairs": [],
        "pairs_found": [],
        "accidentals_predicted": [],
        "accidentals_shifted": [],
        "accidentals_shifted_error": [],
    }
    step = round(config.shift_s * NS)
    shifts = [sign * n * step for n in range(1, (config.shifts + 1) // 2 + 1) for sign in (-1, 1)][: config.shifts]
    for one, other in itertools.combinations(times, 2):
        first, second = times[one], times[other]
        shifted = np.array([count_pairs(first, second + s, config.window_ns) for s in shifts])
        facts["pairs"].append([one, other])
        facts["pairs_found"].append(int(count_pairs(first, second, config.window_ns)))
        facts["accidentals_predicted"].append(_predicted(first, second, config.window_ns))
        facts["accidentals_shifted"].append(float(shifted.mean()))
        facts["accidentals_shifted_error"].append(math.sqrt(max(float(shifted.mean()), 1.0) / len(shifts)))
    return {k: v if k != "pairs" else [f"{a}-{b}" for a, b in v] for k, v in facts.items()}


def _predicted(first: NDArray[np.int64], second: NDArray[np.int64], window: int) -> float:
    """``2 R1 R2 w T`` in the time in which both were on, span by span: ``2 w / t`` times the sum of ``n1 n2``.

    When a telescope was on is not told, only what it saw: a span of a pause or of marked time has no events and adds
    nothing, whereas rates over the whole time would be too low.
    """
    if not len(first) or not len(second):
        return 0.0
    begin, end = max(first[0], second[0]), min(first[-1], second[-1])
    if end <= begin:
        return 0.0
    inside = [t[(t >= begin) & (t <= end)] - begin for t in (first, second)]
    spans = max(1, min(map(len, inside)) // _EVENTS_IN_SPAN)
    one, other = (np.histogram(t, spans, (0, end - begin))[0] for t in inside)
    return float(2 * (one @ other) * window * spans / (end - begin))


TASK = Task(
    name="showers.find_coincidences",
    version="3",
    doc="Events of two or more telescopes within the light's travel time, with the accidental background.",
    inputs=(Slot("events", (v.TIME, v.QUALITY), "Pulse-height events of every telescope.", multiple=True),),
    outputs=(Output("coincidences", events.COINCIDENCES, "Events in coincidence.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=CoincidenceConfig,
    run=run,
)
