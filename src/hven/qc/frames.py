"""Metrics of frames and packets, from the summary of their hours (`hven.qc.summary`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import frames as v
from hven.model.metric import Metric
from hven.qc.summary import QUABOS, RATE_STEP_NS, lost_between

if TYPE_CHECKING:
    import xarray as xr

_LEAST_FOR_A_STEP = 2
_DIP_STEPS = 5
_BRIGHT_PART = 5
_LEAST_FOR_A_SLOPE = 500
"""A fifth of so many events gives the index to 10 %."""


def frame_count(frames: xr.Dataset) -> float:
    """Frames."""
    return float(frames["rows"].sum())


def frame_rate(frames: xr.Dataset) -> float:
    """Frames a second, from first to last."""
    span = _span(frames)
    return float((frame_count(frames) - 1) / (span / NS)) if span > 0 else float("nan")


def frame_rate_ratio(frames: xr.Dataset) -> float:
    """Integration time over the median time between frames."""
    steps = np.concatenate([frames["step"].values, _between_hours(frames)])
    return float(_integration_ns(frames) / np.median(steps)) if len(steps) else float("nan")


def live_fraction(frames: xr.Dataset) -> float:
    """Frames, recorded or known to be lost on the way, over those expected, span / integration time + 1."""
    seen = frame_count(frames) + float(frames["lost_frames"].sum())
    return float(seen / (_span(frames) / _integration_ns(frames) + 1))


def _span(frames: xr.Dataset) -> int:
    return int(frames["last"].values[-1] - frames["first"].values[0])


def _between_hours(frames: xr.Dataset) -> NDArray[np.int64]:
    """Steps from the last frame of an hour to the first of the next."""
    return np.asarray(frames["first"].values[1:] - frames["last"].values[:-1])


def _integration_ns(frames: xr.Dataset) -> float:
    return float(frames.attrs.get("integration_time_s") or np.nan) * NS


def lost_packets(frames: xr.Dataset) -> float:
    """Packets lost among a million sent, from the steps of packet numbers."""
    lost, received = float(frames["lost_packets"].sum()), float(frames["received"].sum())
    return 1e6 * lost / (lost + received) if received else float("nan")


def lost_quabo_packets(frames: xr.Dataset) -> float:
    """Packets lost among a million sent, from the steps of each quabo's packet numbers."""
    lost = int(frames["lost_of_quabos"].sum())
    for quabo in range(QUABOS):
        ends = frames["packet_numbers"].values[:, quabo]
        ends = ends[ends[:, 0] >= 0]
        lost += sum(lost_between(np.array([a, b])) for a, b in zip(ends[:-1, 1], ends[1:, 0], strict=True))
    received = frame_count(frames)
    return 1e6 * lost / (lost + received) if received else float("nan")


def _flagged(frames: xr.Dataset, flag: str) -> int:
    bit = list(v.QUALITY_FLAGS).index(flag)
    return int(frames["flagged"].values[:, bit].sum())


def partial_frames(frames: xr.Dataset) -> float:
    """Fraction of frames in which a quabo is missing."""
    return _flagged(frames, "quabo_missing") / frame_count(frames)


def reordered_frames(frames: xr.Dataset) -> float:
    """Frames that were recorded after a later one."""
    return float(_flagged(frames, "reordered"))


def duplicate_frames(frames: xr.Dataset) -> float:
    """Frames recorded twice."""
    return float(_flagged(frames, "duplicate"))


def saturated_frames(frames: xr.Dataset) -> float:
    """Fraction of frames with a pixel at saturation."""
    return _flagged(frames, "saturated") / frame_count(frames)


def rate_spikes(frames: xr.Dataset) -> float:
    """Fraction of frames in intervals of too high a frame rate."""
    return _flagged(frames, "rate_spike") / frame_count(frames)


def clock_bad_frames(frames: xr.Dataset) -> float:
    """Fraction of frames whose clock is not to be trusted."""
    return _flagged(frames, "clock_bad") / frame_count(frames)


def largest_gap(frames: xr.Dataset) -> float:
    """Longest time between frames, in seconds."""
    gap = max(int(frames["gap"].max()), int(_between_hours(frames).max(initial=0)))
    return gap / NS if frame_count(frames) >= _LEAST_FOR_A_STEP else float("nan")


def quabo_silence(frames: xr.Dataset) -> float:
    """Longest time without an event in one quabo, in mean times between a quabo's events."""
    span = _span(frames)
    longest = 0
    for quabo in range(QUABOS):
        edges = frames["quabo_times"].values[:, quabo]
        edges = edges[edges[:, 0] >= 0]
        ends = np.concatenate([frames["first"].values[:1], edges.ravel(), frames["last"].values[-1:]])
        between = np.diff(ends)[::2]
        longest = max(longest, int(between.max()), int(frames["quabo_gap"].values[:, quabo].max()))
    return longest * frame_count(frames) / QUABOS / span if span else float("nan")


def sky_variation(frames: xr.Dataset) -> float:
    """Range of the sky's brightness in steps of 5 s, from 5th to 95th percentile, over the median: clouds or light."""
    if not frames.sizes["sky_steps"]:
        return float("nan")
    low, centre, high = np.percentile(frames["sky"].values, (5, 50, 95))
    return float((high - low) / centre) if centre > 0 else float("nan")


def rate_dip(frames: xr.Dataset) -> float:
    """Deepest dip of the event rate over 5 min under its upper quartile, in Poisson deviations; 0 if under 10 min."""
    if np.isfinite(_integration_ns(frames)):
        return float("nan")
    first, last = -(-int(frames["first"].values[0]) // RATE_STEP_NS), int(frames["last"].values[-1]) // RATE_STEP_NS
    if last - first < 2 * _DIP_STEPS:
        return 0.0
    step = frames["rate_step"].values
    inside = (step >= first) & (step < last)
    counts = np.bincount(step[inside] - first, frames["count"].values[inside], last - first)
    sums = np.convolve(counts, np.ones(_DIP_STEPS), "valid")
    usual = np.percentile(sums, 75)
    return float((usual - sums.min()) / np.sqrt(usual)) if usual > 0 else 0.0


def size_slope(frames: xr.Dataset) -> float:
    """Index of the sizes of the brightest fifth of the events, number above a size ~ size^-index (Hill 1975)."""
    size = np.sort(frames["size"].values) if "size" in frames else np.zeros(0)
    bright = size[-(len(size) // _BRIGHT_PART) :]
    if len(size) < _LEAST_FOR_A_SLOPE or bright[0] <= 0:
        return float("nan")
    return float((len(bright) - 1) / np.log(bright[1:] / bright[0]).sum())


_TIME = (v.TIME,)
_FLAGS = (v.TIME, v.QUALITY)

METRICS = (
    Metric("frames", "1", frame_count.__doc__ or "", "frames", _TIME, "hour", frame_count),
    Metric("frame_rate", "Hz", frame_rate.__doc__ or "", "frames", _TIME, "hour", frame_rate),
    Metric("frame_rate_ratio", "1", frame_rate_ratio.__doc__ or "", "frames", _TIME, "hour", frame_rate_ratio),
    Metric(
        "live_fraction",
        "1",
        live_fraction.__doc__ or "",
        "frames",
        (v.TIME, v.LOST_PACKETS),
        "hour",
        live_fraction,
    ),
    Metric(
        "lost_packets",
        "1e-6",
        lost_packets.__doc__ or "",
        "frames",
        (v.TIME, v.LOST_PACKETS, v.QUABO_VALID),
        "hour",
        lost_packets,
    ),
    Metric(
        "lost_packets",
        "1e-6",
        lost_quabo_packets.__doc__ or "",
        "frames",
        (v.TIME, v.PKT_NUM, v.QUABO),
        "hour",
        lost_quabo_packets,
    ),
    Metric("partial_frames", "1", partial_frames.__doc__ or "", "frames", _FLAGS, "hour", partial_frames),
    Metric("reordered_frames", "1", reordered_frames.__doc__ or "", "frames", _FLAGS, "hour", reordered_frames),
    Metric("duplicate_frames", "1", duplicate_frames.__doc__ or "", "frames", _FLAGS, "hour", duplicate_frames),
    Metric("saturated_frames", "1", saturated_frames.__doc__ or "", "frames", _FLAGS, "hour", saturated_frames),
    Metric("rate_spikes", "1", rate_spikes.__doc__ or "", "frames", _FLAGS, "hour", rate_spikes),
    Metric(
        "quabo_silence",
        "1",
        quabo_silence.__doc__ or "",
        "frames",
        (v.TIME, v.PKT_NUM, v.QUABO),
        "hour",
        quabo_silence,
    ),
    Metric("rate_dip", "1", rate_dip.__doc__ or "", "frames", _TIME, "hour", rate_dip),
    Metric(
        "sky_variation",
        "1",
        sky_variation.__doc__ or "",
        "frames",
        (v.TIME, v.QUALITY, v.BRIGHTNESS),
        "hour",
        sky_variation,
    ),
    Metric("size_slope", "1", size_slope.__doc__ or "", "frames", (*_FLAGS, v.FRAME_MEAN), "hour", size_slope),
    Metric("largest_gap", "s", largest_gap.__doc__ or "", "frames", _TIME, "hour", largest_gap),
)
"""Metrics of frames and packets."""
