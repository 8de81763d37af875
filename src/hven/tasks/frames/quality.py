"""Quality bits and lost packets of frames in time order, each from the frame and the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

_WRAP = 65536
_FILE_FRAMES = 2**32
_SECOND = 1_000_000_000


def lost_packets(number: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Packets missing before each frame, (time, quabo).

    ``(step mod 65536) - 1`` where the quabo is there in the frame and in the one before; 0 for a repeated packet, for
    one that comes late (a step of more than half the range) and where the quabo is missing in either.

    Parameters
    ----------
    number, valid
        Packet numbers and whether they are there, (time, quabo).

    Examples
    --------
    >>> lost_packets(np.array([[65534], [65535], [2]]), np.ones((3, 1), bool)).ravel().tolist()
    [0, 0, 2]
    """
    lost = np.zeros(number.shape, np.uint16)
    values = number.astype(np.int64)
    step = (values[1:] - values[:-1]) % _WRAP
    known = valid[1:] & valid[:-1] & (step > 0) & (step <= _WRAP // 2)
    lost[1:][known] = step[known] - 1
    return lost


def repeated(times: NDArray[np.int64], dataset: xr.Dataset) -> NDArray[np.bool_]:
    """Frames with the time and the packet numbers of the frame before."""
    same = np.zeros(len(times), np.bool_)
    same[1:] = np.diff(times) == 0
    for name in ("pkt_num", "quabo"):
        if name in dataset:
            values = dataset[name].values.reshape(len(times), -1)
            same[1:] &= (values[1:] == values[:-1]).all(1)
    return same


def reordered(dataset: xr.Dataset) -> NDArray[np.bool_]:
    """Frames that stand, in the raw files, before the frame that comes before them in time."""
    late = np.zeros(dataset.sizes["time"], np.bool_)
    if "seqno" in dataset and "frame_in_file" in dataset:
        place = dataset["seqno"].values.astype(np.int64) * _FILE_FRAMES + dataset["frame_in_file"].values
        late[1:] = np.diff(place) < 0
    return late


def spread(nanoseconds: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Span in ns of the quabos' time stamps within each frame, across the turn of the second; NaN with fewer than two.

    Parameters
    ----------
    nanoseconds, valid
        Within the second, and whether they are there, (time, quabo).
    """
    values = nanoseconds.astype(np.int64)
    first = np.argmax(valid, axis=1)[:, None]
    offset = (values - np.take_along_axis(values, first, axis=1) + _SECOND // 2) % _SECOND - _SECOND // 2
    span = np.where(valid, offset, -_SECOND).max(1) - np.where(valid, offset, _SECOND).min(1)
    return np.where(valid.sum(1) > 1, span, np.nan).astype(np.float32)


def in_fast_bins(times: NDArray[np.int64], pedestals: xr.Dataset, limit_hz: float) -> NDArray[np.bool_]:
    """Frames in a tenth of a cell whose frame rate is above a limit."""
    begin = pedestals["begin"].values.astype("datetime64[ns]").astype(np.int64)
    end = pedestals["end"].values.astype("datetime64[ns]").astype(np.int64)
    rate = pedestals["rate"].values
    cell = cell_of(times, begin)
    bin_ = (times - begin[cell]) * rate.shape[1] // (end - begin)[cell]
    known = (bin_ >= 0) & (bin_ < rate.shape[1])
    return known & (rate[cell, np.where(known, bin_, 0)] > limit_hz)  # type: ignore[no-any-return]


def cell_of(times: NDArray[np.int64], begin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cell of each time; cells are sorted by their begin."""
    return np.clip(np.searchsorted(begin, times, side="right") - 1, 0, len(begin) - 1)


def high_voltage_off(times: NDArray[np.int64], records: xr.Dataset, detector: int, limit_v: float) -> NDArray[np.bool_]:
    """Frames at which a quabo's last reading before shows a channel below a voltage."""
    off = np.zeros(len(times), np.bool_)
    if not len(times):
        return off
    own = records["detector"].values == detector
    when = records["time"].values.astype("datetime64[ns]").astype(np.int64)[own]
    board = records["quabo"].values[own]
    volts = np.stack([records[f"hv_{channel}"].values[own] for channel in range(4)], axis=1)
    low = (np.abs(volts) < limit_v).any(1)
    for number in np.unique(board):
        rows = np.flatnonzero(board == number)
        rows = rows[np.argsort(when[rows], kind="stable")]
        last = np.searchsorted(when[rows], times, side="right") - 1
        off |= np.where(last >= 0, low[rows[np.maximum(last, 0)]], False)
    return off
