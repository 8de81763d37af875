"""Calibrated signal and quality of frames in time order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.errors import DataError, SchemaError
from hven.model import frames as v
from hven.model import housekeeping as hk
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.frames import quality
from hven.tasks.frames.pixel_mask import pixel_mask
from hven.tasks.frames.quadrants import Frames, quadrant_map, whole_frames

_BITS = v.QUALITY_FLAGS
_SECOND = 1_000_000_000


class SignalConfig(Config):
    """How frames are calibrated and judged."""

    min_frames: Annotated[
        int, Field(ge=2, description="A cell with fewer frames in a pixel uses the whole observation's pedestal.")
    ] = 16
    saturation: Annotated[
        int | None, Field(description="Value from which a pixel counts as saturated; empty: the largest of its type.")
    ] = None
    gap_factor: Annotated[
        float, Field(ge=0, description="A step of more integration times than this is a gap; 0 looks for none.")
    ] = 4.0
    max_host_lag_s: Annotated[float, Field(gt=0, description="The clock is bad beyond this host lag.")] = 0.2
    min_hv_v: Annotated[float, Field(ge=0, description="High voltage counts as off below this.")] = 15.0
    max_rate_hz: Annotated[
        float, Field(ge=0, description="A frame rate above this, in a tenth of a cell, is a spike; 0 looks for none.")
    ] = 0.0


def run(inputs: Inputs, config: SignalConfig) -> Mapping[str, xr.Dataset]:
    """Calibrate the own rows of a block; the row before them tells lost packets, gaps, order and repetition.

    ``signal = (images - pedestal) / gain``, dims (time, y, x), not thresholded, NaN where a quabo is missing. The
    pedestal is that of the frame's cell; a pixel with too few frames in the cell has that of the whole observation, and
    one with too few in that, too, the certified dark map's, where there is one. Without a gain calibration the gain is
    1 and attribute `gain_origin` says so. Frames of a time that somebody has marked bad may lie in no cell, for
    pedestals are measured without them; they have the whole observation's pedestal and quality bit `no_pedestal`.

    Raises
    ------
    DataError
        When any other frame lies in no cell of the pedestals.
    SchemaError
        When the gain map has another shape than the pedestals.
    """
    dataset, pedestals = inputs["frames"], inputs["pedestals"]
    frames, maps = whole_frames(dataset), _maps(inputs, config)
    times = dataset["time"].values.astype("datetime64[ns]").astype(np.int64)
    marked = inputs.marked["frames"][0] if "frames" in inputs.marked else np.zeros(len(times), np.bool_)
    cell, outside = _cell(times[inputs.own], pedestals, marked[inputs.own])
    signal, mean, bright, saturated = _calibrated(_own(frames, inputs.own), cell, maps, config)
    flags = _flags(inputs, config, frames.valid, times)
    flags[inputs.own] |= np.where(saturated, _BITS["saturated"], 0).astype(np.uint16)
    flags[inputs.own] |= np.where(outside, _BITS["no_pedestal"], 0).astype(np.uint16)
    rows = {
        "signal": (("time", "y", "x"), signal),
        "frame_mean": ("time", mean),
        "brightness": ("time", bright),
        **{name: (dims, values[inputs.own]) for name, (dims, values) in _rows(dataset).items()},
        "quality": ("time", flags[inputs.own]),
    }
    coords = {
        "time": ("time", dataset["time"].values[inputs.own]),
        **{n: pedestals[n].variable for n in ("begin", "end")},
    }
    return {"signal": xr.Dataset({**rows, **maps}, coords, _attrs(dataset, inputs))}


def _own(frames: Frames, own: slice) -> Frames:
    return Frames(frames.images[own], frames.valid[own])


def _maps(inputs: Inputs, config: SignalConfig) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    pedestals = inputs["pedestals"]
    pedestal, noise, count = (pedestals[n].values for n in ("pedestal", "noise", "count"))
    shape = pedestal.shape[1:]
    gain = inputs["gain"]["gain"].values if "gain" in inputs else np.ones(shape, np.float32)
    if gain.shape != shape:
        raise SchemaError(f"gain map of shape {gain.shape}, pedestals of {shape}")
    pooled = count < config.min_frames
    weight = np.where(np.isfinite(pedestal) & np.isfinite(noise), count, 0).astype(np.float64)
    total = np.where(weight.sum(0) > 0, weight.sum(0), np.nan)
    mean = (weight * np.nan_to_num(pedestal)).sum(0) / total
    deviation = np.sqrt((weight * np.nan_to_num(noise) ** 2).sum(0) / total)
    if "dark" in inputs:
        few = ~(total >= config.min_frames)
        mean = np.where(few, inputs["dark"]["pedestal"].values, mean)
        deviation = np.where(few, inputs["dark"]["noise"].values, deviation)
    return {
        "pedestal": (("cell", "y", "x"), np.where(pooled, mean, pedestal).astype(np.float32)),
        "noise": (("cell", "y", "x"), np.where(pooled, deviation, noise).astype(np.float32)),
        "pooled": (("cell", "y", "x"), pooled),
        "pixel_mask": (("y", "x"), pixel_mask(pedestal, noise)),
        "gain": (("y", "x"), gain.astype(np.float32)),
        "_whole": (("y", "x"), mean.astype(np.float32)),
    }


def _cell(
    times: NDArray[np.int64], pedestals: xr.Dataset, marked: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cell of each frame, and whether it lies in none, as marked ones may: its cell is then the one after the last."""
    begin, end = (pedestals[n].values.astype("datetime64[ns]").astype(np.int64) for n in ("begin", "end"))
    cell = quality.cell_of(times, begin)
    outside = (times < begin[cell]) | (times >= end[cell])
    lost = np.flatnonzero(outside & ~marked)
    if len(lost):
        raise DataError(
            f"frame {lost[0]} of the block at {np.datetime64(int(times[lost[0]]), 'ns')} lies in no pedestal cell",
            hint="Measure the pedestals of this observation again.",
        )
    return np.where(outside, len(begin), cell), outside


def _calibrated(
    frames: Frames, cell: NDArray[np.int64], maps: dict[str, Any], config: SignalConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    pedestal = np.concatenate([maps["pedestal"][1], maps.pop("_whole")[1][None]])
    limit = np.iinfo(frames.images.dtype).max if config.saturation is None else config.saturation
    signal = np.empty(frames.images.shape, np.float32)
    mean, bright = np.empty((2, len(cell)), np.float32)
    saturated = np.zeros(len(cell), np.bool_)
    pixels = (quadrant_map(signal.shape[1]), maps["gain"][1], maps["pixel_mask"][1])
    _subtract(frames, (cell, pedestal), pixels, int(limit), (signal, mean, bright, saturated))
    return signal, mean, bright, saturated


@numba.njit(cache=True, nogil=True)
def _subtract(frames: Any, pedestals: Any, pixels: Any, limit: int, out: Any) -> None:
    images, valid = frames
    cell, pedestal = pedestals
    quadrant, gain, mask = pixels
    signal, mean, bright, saturated = out
    for t in range(images.shape[0]):
        total, raw, used = 0.0, 0.0, 0
        for y in range(images.shape[1]):
            for x in range(images.shape[2]):
                if not valid[t, quadrant[y, x]]:
                    signal[t, y, x] = np.nan
                    continue
                value = (np.float32(images[t, y, x]) - pedestal[cell[t], y, x]) / gain[y, x]
                signal[t, y, x] = value
                saturated[t] |= images[t, y, x] >= limit
                if mask[y, x] == 0 and value == value:  # noqa: PLR0124 - false for NaN only
                    total += value
                    raw += images[t, y, x]
                    used += 1
        mean[t] = total / used if used else np.nan
        bright[t] = raw / used if used else np.nan


def _flags(
    inputs: Inputs, config: SignalConfig, valid: NDArray[np.bool_], times: NDArray[np.int64]
) -> NDArray[np.uint16]:
    dataset = inputs["frames"]
    flags = np.zeros(len(times), np.uint16)
    found = {
        "reordered": quality.reordered(dataset),
        "duplicate": quality.repeated(times, dataset),
        "clock_bad": _clock_bad(dataset, config),
    }
    if "quabo" not in dataset:
        found["quabo_missing"] = ~valid.all(1)
    step = dataset.attrs.get("integration_time_s")
    if step and config.gap_factor:
        found["gap_before"] = np.diff(times, prepend=times[:1]) > config.gap_factor * step * _SECOND
    if config.max_rate_hz:
        found["rate_spike"] = quality.in_fast_bins(times, inputs["pedestals"], config.max_rate_hz)
    if "housekeeping" in inputs:
        detector = int(inputs.data_id("frames")["detector"])
        found["hv_bad"] = quality.high_voltage_off(times, inputs["housekeeping"], detector, config.min_hv_v)
    for name, rows in found.items():
        flags[rows] |= _BITS[name]
    return flags


def _clock_bad(dataset: xr.Dataset, config: SignalConfig) -> NDArray[np.bool_]:
    bad = np.full(dataset.sizes["time"], dataset.attrs.get("clock_status") == "unsynchronised")
    if "host_lag" in dataset:
        bad |= np.abs(dataset["host_lag"].values) > config.max_host_lag_s * _SECOND
    return bad


def _rows(dataset: xr.Dataset) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """What is kept of each frame's header, and what follows from it."""
    kept: dict[str, tuple[tuple[str, ...], NDArray[Any]]]
    kept = {n: (("time",), dataset[n].values) for n in ("host_lag", "tai_offset") if n in dataset}
    if "quabo" in dataset:
        return {**kept, **{n: (("time",), dataset[n].values) for n in ("quabo", "pkt_num") if n in dataset}}
    if "quabo_valid" in dataset:
        valid = dataset["quabo_valid"].values
        kept["quabo_valid"] = (("time", "quabo"), valid)
        if "pkt_num" in dataset:
            kept["lost_packets"] = (("time", "quabo"), quality.lost_packets(dataset["pkt_num"].values, valid))
        if "pkt_nsec" in dataset:
            kept["spread"] = (("time",), quality.spread(dataset["pkt_nsec"].values, valid))
    return kept


def _attrs(dataset: xr.Dataset, inputs: Inputs) -> dict[str, Any]:
    known = "calibration" if "gain" in inputs else "assumed: 1 adu per adu in every pixel"
    judged = {
        "gap_before_judged": int(bool(dataset.attrs.get("integration_time_s"))),
        "hv_bad_judged": int("housekeeping" in inputs),
    }
    return {**dataset.attrs, "gain_origin": known, **judged}


TASK = Task(
    name="frames.subtract_pedestal",
    version="4",
    doc="Signal over pedestal in units of the gain, quality bits and lost packets of frames in time order.",
    inputs=(
        Slot(
            "frames",
            (
                v.TIME,
                v.IMAGES,
                v.QUABO_VALID,
                v.QUABO,
                v.PKT_NUM,
                v.PKT_NSEC,
                v.SEQNO,
                v.FRAME_IN_FILE,
                v.HOST_LAG,
                v.TAI_OFFSET,
            ),
            "Frames as recorded.",
            order="time",
            every_row=True,
        ),
        Slot(
            "pedestals",
            (v.BEGIN, v.END, v.RATE, v.PEDESTAL, v.NOISE, v.COUNT),
            "Pedestals of the same observation.",
            whole=True,
        ),
        Slot(
            "housekeeping",
            (hk.TIME, hk.DETECTOR, hk.QUABO, *hk.HV),
            "For the high voltage.",
            whole=True,
            optional=True,
            every_row=True,
        ),
        Slot("gain", (v.GAIN,), "Relative response.", whole=True, optional=True, calibration=True),
        Slot(
            "dark",
            (v.DARK, v.DARK_NOISE),
            "Pedestal and noise without light.",
            whole=True,
            optional=True,
            calibration=True,
        ),
    ),
    outputs=(
        Output(
            "signal",
            (
                v.TIME,
                v.SIGNAL,
                v.QUALITY,
                v.FRAME_MEAN,
                v.BRIGHTNESS,
                v.HOST_LAG,
                v.TAI_OFFSET,
                v.SPREAD,
                v.LOST_PACKETS,
                v.QUABO_VALID,
                v.QUABO,
                v.PKT_NUM,
                v.BEGIN,
                v.END,
                v.PEDESTAL,
                v.NOISE,
                v.POOLED,
                v.PIXEL_MASK,
                v.GAIN,
            ),
            "Calibrated frames.",
            dim="time",
        ),
    ),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=SignalConfig,
    run=run,
    block=Block("time", halo=1),
    resources=Resources(memory_per_input_byte=4.0),
)
