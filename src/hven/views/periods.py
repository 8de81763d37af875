"""Periods of nights, and how a metric differs between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hven.views import formats

NORMAL = 1.4826
"""Median deviation of a normal distribution times this is its standard deviation."""


@dataclass(frozen=True, slots=True)
class Period:
    """Nights from one to another, both included, as YYYYMMDD.

    Examples
    --------
    >>> print(Period(20251021, 20251021), Period(20251030, 20251102).beginning(20240229))
    2025-10-21 2024-02-29 to 2024-03-03
    """

    first: int
    last: int

    @classmethod
    def of(cls, rows: pd.DataFrame, first: str, last: str) -> Period:
        """Nights between two that were chosen; those of all rows where nothing was."""
        return cls(int(first or rows["day_obs"].min()), int(last or rows["day_obs"].max()))

    def __str__(self) -> str:
        """As people read it."""
        first, last = formats.night(self.first), formats.night(self.last)
        return first if first == last else f"{first} to {last}"

    def beginning(self, night: int) -> Period:
        """As many nights, beginning with another one."""
        length = _date(self.last) - _date(self.first)
        return Period(night, int((_date(night) + length).strftime("%Y%m%d")))

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of these nights."""
        return table[table["day_obs"].between(self.first, self.last)]


def _date(night: int) -> pd.Timestamp:
    return pd.Timestamp(str(night))


def aligned(rows: pd.DataFrame, other: Period, period: Period) -> pd.DataFrame:
    """Rows of another period at the times at which they would lie in this one: moved by whole days.

    Times of the night stay what they are, so that the same hour is compared with the same hour.
    """
    moved = other.rows(rows)
    return moved.assign(time=moved["begin"] + (_date(period.first) - _date(other.first)), nights=str(other))


@dataclass(frozen=True, slots=True)
class Summary:
    """A metric in a period.

    Parameters
    ----------
    spread
        Standard deviation, estimated from the median deviation from the median.
    beyond
        Values beyond a limit.
    """

    count: int
    unit: str
    median: float
    spread: float
    lowest: float
    highest: float
    beyond: int

    @classmethod
    def of(cls, rows: pd.DataFrame, unit: str) -> Summary:
        """Of the rows of one metric."""
        values = rows["value"].dropna().to_numpy(float)
        beyond = int(rows["status"].isin(["warning", "error"]).sum())
        if not len(values):
            return cls(0, unit, np.nan, np.nan, np.nan, np.nan, beyond)
        median = float(np.median(values))
        spread = NORMAL * float(np.median(np.abs(values - median)))
        return cls(len(values), unit, median, spread, float(values.min()), float(values.max()), beyond)


def summary(rows: pd.DataFrame, period: Period, other: Period) -> Iterator[tuple[int, Summary, Summary]]:
    """Each detector with its values in either period."""
    for detector in sorted({int(d) for d in rows["detector"].dropna()}):
        own = rows[rows["detector"] == detector]
        unit = str(own["unit"].iloc[0])
        yield detector, Summary.of(period.rows(own), unit), Summary.of(other.rows(own), unit)
