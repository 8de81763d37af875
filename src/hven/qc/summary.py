"""What the metrics of frames and clocks need of an hour of frames, small enough to keep a day of hours at once.

Counts, sums and extremes are exact. Medians and percentiles come from the frames themselves where an hour has few,
from every n-th where the integration time makes more than 262,144 an hour, with the same n in every hour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import frames as v
from hven.qc.series import nanoseconds

SAMPLES_PER_HOUR = 262_144
QUABOS = 4
WRAP = 65536
SKY_STEP_NS = 5 * NS
"""Time over which the sky's brightness is averaged; an hour holds a whole number of them."""

RATE_STEP_NS = 60 * NS
"""Time over which events are counted; an hour holds a whole number of them."""

_HOUR_S = 3600
_SAMPLED = ("host_lag", "tai_offset", "spread")
_SERIES = ("steps", "samples", "sky_steps", "rate_steps", "events")
_BITS = tuple(v.QUALITY_FLAGS.values())


def summarise(frames: xr.Dataset) -> xr.Dataset:
    """Summary of the frames, at least one and in order of time, of one hour.

    Returns
    -------
    xarray.Dataset
        Dims hour (of length one), steps, samples, sky_steps, rate_steps, events; from those variables of the frames
        that are there, whose names are in the attribute `variables`.
    """
    times = nanoseconds(frames["time"])
    steps, stride = np.diff(times), _stride(frames.attrs)
    found = {
        "first": ("hour", times[:1]),
        "last": ("hour", times[-1:]),
        "rows": ("hour", [len(times)]),
        "gap": ("hour", [steps.max(initial=0)]),
        "step": ("steps", steps[::stride]),
        **{name: ("samples", frames[name].values[::stride]) for name in _SAMPLED if name in frames},
        **_flags(frames),
        **_packets(frames, times),
        **_sky(frames, times),
        **_counts(times),
        **_sizes(frames),
    }
    for dim in _SERIES:
        lengths = [len(values) for dims, values in found.values() if dims == dim]
        found |= {f"rows_of_{dim}": ("hour", lengths[:1])} if lengths else {}
    names = sorted(str(name) for name in frames.variables)
    kept = {k: frames.attrs[k] for k in ("clock_status", "integration_time_s") if k in frames.attrs}
    return xr.Dataset(found, attrs={**kept, "variables": names})


def _stride(attrs: dict[str, Any]) -> int:
    integration_s = attrs.get("integration_time_s")
    return max(1, math.ceil(_HOUR_S / integration_s / SAMPLES_PER_HOUR)) if integration_s else 1


def _flags(frames: xr.Dataset) -> dict[str, Any]:
    if "quality" not in frames:
        return {}
    quality = frames["quality"].values
    return {"flagged": (("hour", "bit"), [[np.count_nonzero(quality & bit) for bit in _BITS]])}


def _packets(frames: xr.Dataset, times: NDArray[np.int64]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "lost_packets" in frames:
        lost = frames["lost_packets"].values
        found["lost_frames"] = ("hour", [lost.max(1, initial=0).sum(dtype=np.int64)])
        found["lost_packets"] = ("hour", [lost.sum(dtype=np.int64)])
    if "quabo_valid" in frames:
        found["received"] = ("hour", [np.count_nonzero(frames["quabo_valid"].values)])
    if "quabo" in frames and "pkt_num" in frames:
        numbers = [frames["pkt_num"].values[frames["quabo"].values == q].astype(np.int64) for q in range(QUABOS)]
        found["lost_of_quabos"] = ("hour", [sum(lost_between(n) for n in numbers)])
        ends = [[n[0], n[-1]] if len(n) else [-1, -1] for n in numbers]
        found["packet_numbers"] = (("hour", "quabo", "edge"), [ends])
        own = [times[frames["quabo"].values == q] for q in range(QUABOS)]
        found["quabo_times"] = (("hour", "quabo", "edge"), [[[t[0], t[-1]] if len(t) else [-1, -1] for t in own]])
        found["quabo_gap"] = (("hour", "quabo"), [[np.diff(t).max(initial=0) for t in own]])
    return found


def lost_between(numbers: NDArray[np.int64]) -> int:
    """Packets lost in a series of packet numbers, which wrap."""
    step = np.diff(numbers) % WRAP
    return int((step[(step > 0) & (step <= WRAP // 2)] - 1).sum())


def _sky(frames: xr.Dataset, times: NDArray[np.int64]) -> dict[str, Any]:
    if "brightness" not in frames or "quality" not in frames:
        return {}
    brightness = frames["brightness"].values.astype(np.float64)
    good = ((frames["quality"].values & v.QUALITY_FLAGS["quabo_missing"]) == 0) & np.isfinite(brightness)
    _, place = np.unique(times[good] // SKY_STEP_NS, return_inverse=True)
    return {"sky": ("sky_steps", np.bincount(place, brightness[good]) / np.bincount(place))}


def _counts(times: NDArray[np.int64]) -> dict[str, Any]:
    """Frames in each step of the time they span; steps belong to whole hours, so that joining them is exact."""
    first = times[0] // RATE_STEP_NS
    counts = np.bincount(times // RATE_STEP_NS - first)
    return {"count": ("rate_steps", counts), "rate_step": ("rate_steps", first + np.arange(len(counts)))}


def _sizes(frames: xr.Dataset) -> dict[str, Any]:
    """Mean signal of each triggered frame; frames at a fixed rate are no events."""
    if "frame_mean" not in frames or "quality" not in frames or frames.attrs.get("integration_time_s"):
        return {}
    whole = (frames["quality"].values & v.QUALITY_FLAGS["quabo_missing"]) == 0
    size = frames["frame_mean"].values[whole].astype(np.float64)
    return {"size": ("events", size[np.isfinite(size)])}


def join(hours: Sequence[xr.Dataset]) -> xr.Dataset:
    """Summaries of consecutive hours, or parts of them, as one."""
    joined = {}
    for name, variable in hours[0].variables.items():
        joined[str(name)] = (variable.dims, np.concatenate([h[name].values for h in hours]))
    return xr.Dataset(joined, attrs=hours[0].attrs)


def split(summary: xr.Dataset) -> list[xr.Dataset]:
    """Summary of each hour."""
    ends = {dim: np.cumsum([0, *summary[f"rows_of_{dim}"].values]) for dim in summary.dims if dim in _SERIES}
    hours = []
    for hour in range(summary.sizes["hour"]):
        part = {str(dim): slice(int(e[hour]), int(e[hour + 1])) for dim, e in ends.items()}
        hours.append(summary.isel({**part, "hour": slice(hour, hour + 1)}))
    return hours
