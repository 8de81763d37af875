"""Metrics of frames and packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import frames as v
from hven.model.metric import Metric
from hven.qc.series import nanoseconds

if TYPE_CHECKING:
    import xarray as xr

_LEAST_FOR_A_STEP = 2
_WRAP = 65536
_SKY_STEP_S = 5


def _steps(frames: xr.Dataset) -> NDArray[np.int64]:
    return np.diff(nanoseconds(frames["time"]))


def frame_count(frames: xr.Dataset) -> float:
    """Frames."""
    return float(frames.sizes["time"])


def frame_rate(frames: xr.Dataset) -> float:
    """Frames a second, from first to last."""
    span = _steps(frames).sum()
    return float((frames.sizes["time"] - 1) / (span / NS)) if span > 0 else float("nan")


def frame_rate_ratio(frames: xr.Dataset) -> float:
    """Integration time over the median time between frames."""
    return float(_integration_ns(frames) / np.median(_steps(frames))) if frames.sizes["time"] > 1 else float("nan")


def live_fraction(frames: xr.Dataset) -> float:
    """Frames, recorded or known to be lost on the way, over those expected, span / integration time + 1."""
    lost = float(frames["lost_packets"].values.max(1, initial=0).sum())
    return float((frames.sizes["time"] + lost) / (_steps(frames).sum() / _integration_ns(frames) + 1))


def _integration_ns(frames: xr.Dataset) -> float:
    return float(frames.attrs.get("integration_time_s") or np.nan) * NS


def lost_packets(frames: xr.Dataset) -> float:
    """Packets lost among a million sent, from the steps of packet numbers."""
    lost, received = float(frames["lost_packets"].values.sum(dtype=np.int64)), float(frames["quabo_valid"].values.sum())
    return 1e6 * lost / (lost + received) if received else float("nan")


def lost_quabo_packets(frames: xr.Dataset) -> float:
    """Packets lost among a million sent, from the steps of each quabo's packet numbers."""
    lost = 0
    for quabo in range(4):
        step = np.diff(frames["pkt_num"].values[frames["quabo"].values == quabo].astype(np.int64)) % _WRAP
        lost += int((step[(step > 0) & (step <= _WRAP // 2)] - 1).sum())
    received = frames.sizes["time"]
    return 1e6 * lost / (lost + received) if received else float("nan")


def _flagged(frames: xr.Dataset, flag: str) -> NDArray[np.bool_]:
    return np.asarray((frames["quality"].values & v.QUALITY_FLAGS[flag]) != 0)


def partial_frames(frames: xr.Dataset) -> float:
    """Fraction of frames in which a quabo is missing."""
    return float(_flagged(frames, "quabo_missing").mean())


def reordered_frames(frames: xr.Dataset) -> float:
    """Frames that were recorded after a later one."""
    return float(_flagged(frames, "reordered").sum())


def duplicate_frames(frames: xr.Dataset) -> float:
    """Frames recorded twice."""
    return float(_flagged(frames, "duplicate").sum())


def saturated_frames(frames: xr.Dataset) -> float:
    """Fraction of frames with a pixel at saturation."""
    return float(_flagged(frames, "saturated").mean())


def rate_spikes(frames: xr.Dataset) -> float:
    """Fraction of frames in intervals of too high a frame rate."""
    return float(_flagged(frames, "rate_spike").mean())


def largest_gap(frames: xr.Dataset) -> float:
    """Longest time between frames, in seconds."""
    return float(_steps(frames).max() / NS) if frames.sizes["time"] >= _LEAST_FOR_A_STEP else float("nan")


def sky_variation(frames: xr.Dataset) -> float:
    """Range of the sky's brightness in steps of 5 s, from 5th to 95th percentile, over the median: clouds or light."""
    good = ~_flagged(frames, "quabo_missing") & np.isfinite(frames["brightness"].values)
    step = nanoseconds(frames["time"])[good] // (_SKY_STEP_S * NS)
    values = frames["brightness"].values[good].astype(np.float64)
    if not len(values):
        return float("nan")
    _, place = np.unique(step, return_inverse=True)
    low, centre, high = np.percentile(np.bincount(place, values) / np.bincount(place), (5, 50, 95))
    return float((high - low) / centre) if centre > 0 else float("nan")


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
        "sky_variation",
        "1",
        sky_variation.__doc__ or "",
        "frames",
        (v.TIME, v.QUALITY, v.BRIGHTNESS),
        "hour",
        sky_variation,
    ),
    Metric("largest_gap", "s", largest_gap.__doc__ or "", "frames", _TIME, "hour", largest_gap),
)
"""Metrics of frames and packets."""
