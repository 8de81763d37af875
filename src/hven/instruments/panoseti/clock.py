"""Time of frames from the quabos' clocks and the host's, and what the clocks are worth.

A quabo sends ten bits of TAI seconds and the nanoseconds within the second; the host adds its own time on arrival.
Where the quabos follow White Rabbit the nanoseconds are right, even when the whole seconds are not, so the second is
taken from the host: the one that puts the two nearest together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS, TAI_MINUS_UTC_S

Times = NDArray[np.int64]

TAI_BITS = 1024
_LOCKED_SPREAD_NS = 10_000_000
_LARGEST_LAG_NS = 400_000_000
_OUTLIER_NS = 50_000_000
_OUTLIERS_ALLOWED = 0.05
_MAD_TO_SIGMA = 1.4826
_EARLIEST = np.iinfo(np.int64).max


class ClockStatus(StrEnum):
    """What the quabos' clocks are worth.

    wr-locked: nanoseconds and whole seconds follow TAI. subsecond-locked: only the nanoseconds do.
    unsynchronised: neither; only the host's time is meaningful and telescopes cannot be compared to better than that.
    """

    WR_LOCKED = "wr-locked"
    SUBSECOND_LOCKED = "subsecond-locked"
    UNSYNCHRONISED = "unsynchronised"


@dataclass(frozen=True, slots=True)
class ClockReport:
    """Clock status and the numbers behind it.

    `host_lag_median_ns` and `host_lag_spread_ns` (from the median absolute deviation) describe host minus quabo time
    within the second; `outlier_fraction` is the part farther than 50 ms from the median. `tai_offset_s` is the most
    frequent offset of whole seconds from TAI, `tai_offset_fraction` how often it is met. `frames` were looked at.
    """

    status: ClockStatus
    host_lag_median_ns: int
    host_lag_spread_ns: int
    outlier_fraction: float
    tai_offset_s: int
    tai_offset_fraction: float
    frames: int

    @property
    def attrs(self) -> dict[str, object]:
        """As attributes of a dataset: `clock_status` and the numbers, each with `clock_` before its name."""
        return {f"clock_{k}": str(v) if k == "status" else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Time (UTC ns), host lag (ns) and TAI offset (s) of frames, dims (time)."""

    time: Times
    host_lag: Times
    tai_offset: Times


def frame_times(numbers: dict[str, Times], valid: NDArray[np.bool_], *, host: bool = False) -> FrameTimes:
    """Times of frames.

    Parameters
    ----------
    numbers
        `pkt_tai` (s modulo 1024), `pkt_nsec`, `tv_sec`, `tv_usec`, dims (time, quabo).
    valid
        Which quabos are there, dims (time, quabo).
    host
        Take the host's time: the clock is not synchronised.

    Returns
    -------
    FrameTimes
        Of the valid quabo that was earliest. Nearest-second rule: ``nsec + 1e9 * round((host - nsec) / 1e9)``.

    Examples
    --------
    >>> one = {"pkt_tai": 417, "pkt_nsec": 851_596_631, "tv_sec": 1761117514, "tv_usec": 720_500}
    >>> frame_times({k: np.array([[v]]) for k, v in one.items()}, np.array([[True]])).host_lag
    array([-131096631])
    """
    tv = numbers["tv_sec"] * NS + numbers["tv_usec"] * 1000
    quabo = numbers["pkt_nsec"] + NS * ((tv - numbers["pkt_nsec"] + NS // 2) // NS)
    first = np.where(valid, tv if host else quabo, _EARLIEST).argmin(axis=1)[:, np.newaxis]
    tv, quabo, tai = (np.take_along_axis(a, first, 1)[:, 0] for a in (tv, quabo, numbers["pkt_tai"]))
    half = TAI_BITS // 2
    offset = (quabo // NS - tai + TAI_MINUS_UTC_S + half) % TAI_BITS - half
    return FrameTimes(tv if host else quabo, tv - quabo, offset)


def judge(host_lag: Times, tai_offset: Times) -> ClockReport:
    """Decide what a run's clock is worth, from frames spread over it.

    Locked: within the second, host and quabo keep their distance (spread at most 10 ms, at most 5 % of the frames
    farther than 50 ms from the median) and it is small enough (400 ms) to tell the second. A single stale host time
    changes nothing.
    """
    if not len(host_lag):
        return ClockReport(ClockStatus.UNSYNCHRONISED, 0, 0, 0.0, 0, 0.0, 0)
    median = int(np.median(host_lag))
    distance = np.abs((host_lag - median + NS // 2) % NS - NS // 2)
    spread = round(_MAD_TO_SIGMA * float(np.median(distance)))
    outliers = float(np.mean(distance > _OUTLIER_NS))
    offsets, counts = np.unique(tai_offset, return_counts=True)
    mode, share = int(offsets[counts.argmax()]), float(counts.max() / len(tai_offset))
    locked = spread <= _LOCKED_SPREAD_NS and outliers <= _OUTLIERS_ALLOWED and abs(median) <= _LARGEST_LAG_NS
    known_second = mode == 0 and share >= 1 - _OUTLIERS_ALLOWED
    status = ClockStatus.UNSYNCHRONISED if not locked else ClockStatus.SUBSECOND_LOCKED
    if locked and known_second:
        status = ClockStatus.WR_LOCKED
    return ClockReport(status, median, spread, outliers, mode, share, len(host_lag))
