"""Frame times by the nearest second, and what the clocks are worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hven.core.clock import NS
from hven.instruments.panoseti.clock import frame_times, judge

NOW = 1_761_117_514 * NS


def packets(times, lag, tai_offset=0):
    """Headers of one quabo at true times, with the host late by `lag` and the seconds off by `tai_offset`."""
    host = times + lag
    seconds = times // NS - tai_offset + 37
    columns = {"pkt_tai": seconds % 1024, "pkt_nsec": times % NS, "tv_sec": host // NS, "tv_usec": host % NS // 1000}
    return {k: v[:, np.newaxis] for k, v in columns.items()}, np.ones((len(times), 1), bool)


@given(
    seconds=st.floats(0, 2000),
    lag=st.integers(-499_000_000, 499_000_000),
    offset=st.integers(-512, 511),
)
def test_time_is_exact_while_the_host_is_within_half_a_second(seconds, lag, offset):
    times = np.array([NOW + round(seconds * NS)])
    found = frame_times(*packets(times, lag, offset))
    assert found.time[0] == times[0]
    assert abs(found.host_lag[0] - lag) <= 1000
    assert found.tai_offset[0] == offset


def test_time_is_that_of_the_earliest_quabo_there():
    columns, _ = packets(NOW + np.array([300, 100, 200]), 1_000_000)
    joined = {k: v.T for k, v in columns.items()}
    times = [frame_times(joined, np.array([valid])).time[0] - NOW for valid in ([1, 1, 1], [1, 0, 1], [1, 0, 0])]
    assert times == [100, 200, 300]


def lags(count=1000, median=1_400_000, spread=100_000):
    return np.random.default_rng(1).normal(median, spread, count).astype(np.int64)


@pytest.mark.parametrize(
    ("lag", "offset", "status"),
    [
        (lags(), 0, "wr-locked"),
        (lags(median=-131_000_000), -50, "subsecond-locked"),
        (lags(spread=30_000_000), 0, "unsynchronised"),
        (lags(median=450_000_000), 0, "unsynchronised"),
        (np.random.default_rng(1).integers(-NS // 2, NS // 2, 1000), 0, "unsynchronised"),
        (np.empty(0, np.int64), 0, "unsynchronised"),
    ],
)
def test_status(lag, offset, status):
    assert judge(lag, np.full(len(lag), offset)).status == status


def test_a_single_stale_host_time_at_the_start_changes_nothing():
    lag, offset = lags(count=88), np.zeros(88, np.int64)
    lag[0], offset[0] = 453_000_000, -1
    report = judge(lag, offset)
    assert report.status == "wr-locked"
    assert report.attrs["clock_host_lag_median_ns"] == pytest.approx(1_400_000, abs=50_000)
    assert report.attrs["clock_outlier_fraction"] == pytest.approx(1 / 88)
