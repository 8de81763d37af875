"""Events that several telescopes saw at the same time, and how many would be by chance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
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
_REFUSED = v.QUALITY_FLAGS["clock_bad"] | v.QUALITY_FLAGS["duplicate"]


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
    """Group the events of all detectors.

    Frames with a bad clock and repeated frames are left out. Attributes hold, for each pair of detectors: `pairs` (both
    numbers), `pairs_found`, `accidentals_predicted` ``= 2 R1 R2 w T`` over the time T both were on,
    `accidentals_shifted` (mean number of pairs over the time shifts, on either side) and its standard error
    `accidentals_shifted_error`.

    Returns
    -------
    Mapping
        ``coincidences``, dim event, in order of time; nothing where there is one telescope only.

    Raises
    ------
    ClockError
        When a telescope's clock is not locked, or they are not locked alike.
    """
    tables = dict(zip((int(i["detector"]) for i in inputs.data_ids["events"]), inputs["events"], strict=True))
    if len(tables) == 1:
        return {}
    require_locked({detector: str(t.attrs.get("clock_status", "")) for detector, t in tables.items()})
    rows = {detector: _rows(table) for detector, table in sorted(tables.items())}
    found = _grouped(rows, config.window_ns)
    return {"coincidences": found.assign_attrs({"window_ns": config.window_ns, **_accidentals(rows, config)})}


def _rows(table: xr.Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times and frame numbers of the usable events, in order of time."""
    frame = np.flatnonzero((table["quality"].values & _REFUSED) == 0)
    times = table["time"].values.astype("datetime64[ns]").astype(np.int64)[frame]
    order = np.argsort(times, kind="stable")
    return times[order], frame[order]


def _grouped(rows: Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]], window: int) -> xr.Dataset:
    empty = [np.zeros(0, np.int64)]
    times = np.concatenate([t for t, _ in rows.values()] or empty)
    frame = np.concatenate([f for _, f in rows.values()] or empty)
    detector = np.concatenate([np.full(len(t), d, np.int64) for d, (t, _) in rows.items()] or empty)
    order = np.lexsort((detector, times))
    times, frame, detector = times[order], frame[order], detector[order]
    groups = np.empty(len(times), np.int64)
    count = group(times, detector, window, groups)
    kept = groups >= 0
    times, frame, detector, groups = times[kept], frame[kept], detector[kept], groups[kept]
    begin = np.searchsorted(groups, np.arange(count))
    distinct = np.array([len(set(detector[groups == g])) for g in range(count)], np.int32)
    columns: dict[str, Any] = {
        "group": groups,
        "detector": detector.astype(np.int32),
        "frame": frame,
        "dt": times - times[begin[groups]],
        "multiplicity": distinct[groups],
    }
    coords = {"time": ("event", times.astype("datetime64[ns]"))}
    return xr.Dataset({k: ("event", c) for k, c in columns.items()}, coords)


def _accidentals(
    rows: Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]], config: CoincidenceConfig
) -> dict[str, list[Any]]:
    facts: dict[str, list[Any]] = {
        "pairs": [],
        "pairs_found": [],
        "accidentals_predicted": [],
        "accidentals_shifted": [],
        "accidentals_shifted_error": [],
    }
    step = round(config.shift_s * NS)
    shifts = [sign * n * step for n in range(1, (config.shifts + 1) // 2 + 1) for sign in (-1, 1)][: config.shifts]
    for one, other in itertools.combinations(rows, 2):
        first, second = rows[one][0], rows[other][0]
        shifted = np.array([count_pairs(first, second + s, config.window_ns) for s in shifts])
        facts["pairs"].append([one, other])
        facts["pairs_found"].append(int(count_pairs(first, second, config.window_ns)))
        facts["accidentals_predicted"].append(_predicted(first, second, config.window_ns))
        facts["accidentals_shifted"].append(float(shifted.mean()))
        facts["accidentals_shifted_error"].append(math.sqrt(max(float(shifted.mean()), 1.0) / len(shifts)))
    return {k: v if k != "pairs" else [f"{a}-{b}" for a, b in v] for k, v in facts.items()}


def _predicted(first: NDArray[np.int64], second: NDArray[np.int64], window: int) -> float:
    """``2 R1 R2 w T`` in the time T in which both were on: ``2 N1 N2 w / T``."""
    if not len(first) or not len(second):
        return 0.0
    begin, end = max(first[0], second[0]), min(first[-1], second[-1])
    if end <= begin:
        return 0.0
    numbers = [np.count_nonzero((t >= begin) & (t <= end)) for t in (first, second)]
    return float(2 * numbers[0] * numbers[1] * (window / (end - begin)))


TASK = Task(
    name="showers.find_coincidences",
    version="1",
    doc="Events of two or more telescopes within the light's travel time, with the accidental background.",
    inputs=(Slot("events", (v.TIME, v.QUALITY), "Pulse-height events of every telescope.", multiple=True),),
    outputs=(Output("coincidences", events.COINCIDENCES, "Events in coincidence.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=CoincidenceConfig,
    run=run,
)
