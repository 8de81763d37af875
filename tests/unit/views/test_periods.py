"""Two periods of nights beside each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hven.views.periods import Period, Summary, aligned, summary


def rows(values, nights, detector=1):
    begin = [pd.Timestamp(str(n)) + pd.Timedelta(hours=5) for n in nights]
    table = {"begin": begin, "day_obs": nights, "value": values, "detector": detector, "unit": "ms", "status": "ok"}
    return pd.DataFrame(table)


def test_a_period_has_as_many_nights_wherever_it_begins():
    assert Period(20251228, 20260102).beginning(20240227) == Period(20240227, 20240303)


def test_nothing_chosen_means_every_night():
    assert Period.of(rows([1, 2], [20251020, 20251023]), "", "") == Period(20251020, 20251023)


def test_another_period_is_drawn_at_the_same_hour_of_the_night():
    now, then = Period(20251020, 20251021), Period(20241020, 20241021)
    table = rows([1.0, 2.0, 3.0], [20241020, 20241021, 20251020])
    moved = aligned(table, then, now)
    assert moved["value"].tolist() == [1.0, 2.0]
    assert moved["time"].tolist() == [pd.Timestamp("2025-10-20 05:00"), pd.Timestamp("2025-10-21 05:00")]


def test_the_spread_of_normal_values_is_their_standard_deviation():
    values = np.random.default_rng(7).normal(10.0, 2.0, 20_001)
    found = Summary.of(rows(values, [20251020] * len(values)), "ms")
    assert found.median == pytest.approx(10.0, abs=0.07)
    assert found.spread == pytest.approx(2.0, rel=0.03)
    assert found.count == len(values)


def test_each_detector_is_compared_with_itself():
    table = pd.concat([rows([1.0, 5.0], [20251019, 20251020]), rows([2.0], [20251020], detector=3)])
    found = list(summary(table, Period(20251020, 20251020), Period(20251019, 20251019)))
    assert [(d, now.median, then.count) for d, now, then in found] == [(1, 5.0, 1), (3, 2.0, 0)]
    assert np.isnan(found[1][2].median)
