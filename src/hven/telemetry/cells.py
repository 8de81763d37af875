"""Overviews of long series: min, max, mean and count of each 1024 samples, kept beside a segment; folded into plots.

Samples of a topic with keys are of several things: each has cells of its own, and the keys stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xarray as xr

from hven.model.telemetry import TIME, Topic
from hven.store.overviews import reduce_rows
from hven.telemetry import segments
from hven.telemetry.segments import Segment

ROWS = 1024
"""Samples to a cell."""

FEWEST_ROWS = 1 << 16
"""Shorter segments have no cells: they are read themselves."""

RAW_ROWS = 1 << 21
"""So many samples are read themselves rather than their cells."""

_KEPT = frozenset({"float64", "int64"})
_STATISTICS = ("min", "max", "mean", "count")
_BEGIN = "begin"


_FEWEST_IN_CELLS = 16
"""Where cells would hold fewer samples, as with keys that hardly ever come again, they would save nothing."""


def write(segment: Segment, topic: Topic, table: pd.DataFrame) -> None:
    """Keep the cells of a segment, of each value of its topic's keys."""
    if segment.rows < FEWEST_ROWS:
        return
    series = [own for _, own in table.groupby(list(topic.keys), sort=False)] if topic.keys else [table]
    if len(series) * _FEWEST_IN_CELLS <= segment.rows:
        found = pd.concat([_cells_of(topic, own) for own in series], ignore_index=True)
        ordered = found.sort_values(_BEGIN, kind="stable")
        segments.write_parquet(path_of(segment), pa.Table.from_pandas(ordered, preserve_index=False))


def _cells_of(topic: Topic, table: pd.DataFrame) -> pd.DataFrame:
    """Cells of samples that are all of one thing."""
    columns: dict[str, Any] = {_BEGIN: table[TIME].to_numpy()[::ROWS]}
    columns |= {key: np.repeat(table[key].to_numpy()[:1], len(columns[_BEGIN])) for key in topic.keys}
    for field in topic.fields:
        if field.dtype in _KEPT:
            found = reduce_rows(table[field.name].to_numpy(), ROWS)
            columns |= {f"{field.name}.{statistic}": found[statistic] for statistic in _STATISTICS}
    return pd.DataFrame(columns)


def path_of(segment: Segment) -> Path:
    """File with the cells of a segment."""
    return segment.path.with_suffix(segments.CELLS)


class Bins:
    """Equal stretches of a range of time, filled with samples and cells.

    Parameters
    ----------
    begin_ns, end_ns
        Range, half-open.
    number
        How many.
    """

    def __init__(self, begin_ns: int, end_ns: int, number: int) -> None:
        step, rest = divmod(end_ns - begin_ns, number)  # whole nanoseconds: floats have too few digits
        places = np.arange(number + 1)
        self.edges = begin_ns + places * step + places * rest // number
        self.low, self.high = np.full(number, np.inf), np.full(number, -np.inf)
        self.total, self.count = np.zeros(number), np.zeros(number, np.int64)

    def add(self, times: Any, low: Any, high: Any, total: Any, count: Any) -> None:
        """Fold values at some times, in order, into their bins."""
        inside = (times >= self.edges[0]) & (times < self.edges[-1]) & (count > 0)
        times, low, high, total, count = (a[inside] for a in (times, low, high, total, count))
        where = np.searchsorted(self.edges, times, "right") - 1
        if not len(where):
            return
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        bins = where[starts]
        self.low[bins] = np.minimum(self.low[bins], np.minimum.reduceat(low, starts))
        self.high[bins] = np.maximum(self.high[bins], np.maximum.reduceat(high, starts))
        self.total[bins] += np.add.reduceat(total, starts)
        self.count[bins] += np.add.reduceat(count, starts)

    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Min, max, mean and count of each bin, not-a-number where nothing is."""
        there = self.count > 0
        with np.errstate(invalid="ignore"):
            found = {
                "min": np.where(there, self.low, np.nan),
                "max": np.where(there, self.high, np.nan),
                "mean": np.where(there, self.total / np.maximum(self.count, 1), np.nan),
            }
        middle = self.edges[:-1] + np.diff(self.edges) // 2
        variables = {name: (TIME, values, attrs) for name, values in found.items()}
        return xr.Dataset({**variables, "count": (TIME, self.count)}, {TIME: middle.view("datetime64[ns]")})


def fold(bins: Bins, topic: Topic, meeting: Sequence[Segment], field: str, select: Mapping[str, str]) -> None:
    """Put the samples of segments into bins: themselves where they are few, else their cells."""
    begin, end = int(bins.edges[0]), int(bins.edges[-1])
    many = topic.field(field).dtype in _KEPT and sum(_rows_in(s, begin, end) for s in meeting) > RAW_ROWS
    for segment in meeting:
        if many and path_of(segment).exists():
            _fold_cells(bins, segment, field, select)
        else:
            _fold_samples(bins, topic, segment, field, select)


def _rows_in(segment: Segment, begin: int, end: int) -> float:
    """About how many samples of a segment lie in a range."""
    length = max(segment.last_ns - segment.first_ns, 1)
    shared = min(segment.last_ns, end) - max(segment.first_ns, begin)
    return segment.rows * min(max(shared, 0) / length, 1.0)


def _fold_cells(bins: Bins, segment: Segment, field: str, select: Mapping[str, str]) -> None:
    """A cell counts where it begins."""
    names = [_BEGIN, *(f"{field}.{statistic}" for statistic in _STATISTICS)]
    table = pq.read_table(path_of(segment), columns=[*names, *select], use_threads=False)
    for key, value in select.items():
        table = table.filter(pc.equal(pc.cast(table.column(key), pa.string()), value))
    begin, low, high, mean, count = (table.column(name).to_numpy() for name in names)
    bins.add(begin, low, high, np.nan_to_num(mean) * count, count)


def _fold_samples(bins: Bins, topic: Topic, segment: Segment, field: str, select: Mapping[str, str]) -> None:
    table = segments.read(topic, segment, [field, *topic.keys], int(bins.edges[0]), int(bins.edges[-1]))
    for key, value in select.items():
        table = table[table[key].astype(str) == value]
    values = table[field].to_numpy(np.float64)
    good = np.isfinite(values)
    times, values = table[TIME].to_numpy()[good], values[good]
    bins.add(times, values, values, values, np.ones(len(values), np.int64))
