"""Segments: the immutable Parquet files of one topic and UTC day, each with a stretch of time in its name."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hven.core.clock import NS
from hven.model.telemetry import TIME, Topic
from hven.store.staging import fsync_folder, make_read_only
from hven.store.version import new_version

DAY_NS = 86_400 * NS
MOST_ROWS = 1 << 22
ROW_GROUP = 1 << 16
SUFFIX = ".parquet"
CELLS = ".cells"
"""Suffix of what `hven.telemetry.cells` keeps beside a segment."""

_PART = ".part-"
_TYPES = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "str": pa.string()}
_EMPTY: dict[str, Any] = {"float64": np.nan, "int64": 0, "bool": False, "str": ""}


@dataclass(frozen=True, slots=True)
class Segment:
    """A file with samples of `[first_ns, last_ns]`, both there; named ``<first>-<last>-<rows>.<uuid>.parquet``."""

    path: Path
    first_ns: int
    last_ns: int
    rows: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Segment by its file."""
        first, last, rows = path.name.partition(".")[0].split("-")
        return cls(path, int(first), int(last), int(rows))

    def meets(self, begin_ns: int, end_ns: int) -> bool:
        """Whether samples may lie in `[begin_ns, end_ns)`."""
        return self.first_ns < end_ns and self.last_ns >= begin_ns


def day_name(time_ns: int) -> str:
    """Name of the folder of a UTC day.

    Examples
    --------
    >>> day_name(1_761_117_502 * NS)
    '2025-10-22'
    """
    return str(dt.date(1970, 1, 1) + dt.timedelta(days=time_ns // DAY_NS))


def segments(folder: Path) -> list[Segment]:
    """Segments of a day in order of time; of those that overlap (a writer was killed) the older goes first.

    The folder is listed until two listings agree: a single one may miss both a file that is being replaced and what
    replaces it.
    """
    names = _names(folder)
    while (again := _names(folder)) != names:
        names = again
    return sorted((Segment.of(folder / name) for name in names), key=lambda s: (s.first_ns, s.path.name.split(".")[1]))


def _names(folder: Path) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if name.endswith(SUFFIX) and name[0] != "."}  # noqa: PTH208 - names
    except FileNotFoundError:
        return set()


def sweep(folder: Path) -> None:
    """Remove what a killed writer left; the caller holds the topic's lock."""
    for part in folder.glob(f"{_PART}*"):
        part.unlink(missing_ok=True)


def dtype_of(topic: Topic, name: str) -> np.dtype[Any]:
    """NumPy type of a column of a topic."""
    dtype = "int64" if name == TIME else topic.field(name).dtype
    return np.dtype(object if dtype == "str" else dtype)


def days(folder: Path, begin_ns: int, end_ns: int) -> Iterator[Path]:
    """Folders of the days of a topic that there are in a range of time, oldest first."""
    first, last = day_name(begin_ns), day_name(end_ns - 1)
    names = sorted(path.name for path in folder.glob("[0-9]*-[0-9]*-[0-9]*")) if folder.is_dir() else []
    return (folder / name for name in names if first <= name <= last)


def write(folder: Path, topic: Topic, table: pd.DataFrame) -> Segment:
    """Write a segment: beside its name, synced, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    first, last = int(table[TIME].iloc[0]), int(table[TIME].iloc[-1])
    path = folder / f"{first}-{last}-{len(table)}.{new_version()}{SUFFIX}"
    write_parquet(path, _arrow(topic, table))
    return Segment.of(path)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a file beside its name, durably and read-only, then rename it."""
    part = path.with_name(f"{_PART}{path.name}")
    try:
        pq.write_table(table, part, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        make_read_only(part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(path.parent)


def read(topic: Topic, segment: Segment, names: Sequence[str], begin_ns: int, end_ns: int) -> pd.DataFrame:
    """Columns of the samples of a segment in `[begin_ns, end_ns)`, in order of time.

    Raises FileNotFoundError where the segment has become part of another meanwhile.
    """
    with pq.ParquetFile(segment.path, pre_buffer=False) as file:
        groups = list(_groups(file, begin_ns, end_ns)) if segment.rows > ROW_GROUP else [0]
        there = [name for name in names if name in file.schema_arrow.names]
        read_ = file.read_row_groups(groups, columns=[TIME, *there])
    times = read_.column(TIME).cast(pa.int64()).to_numpy()
    low, high = np.searchsorted(times, [begin_ns, end_ns])
    cut = read_.slice(low, high - low)
    columns = {name: cut.column(name).to_numpy(zero_copy_only=False) for name in there}
    for name in set(names) - set(there):  # the field was declared later
        columns[name] = np.full(high - low, _EMPTY[topic.field(name).dtype])
    return pd.DataFrame({TIME: times[low:high], **{name: columns[name] for name in names}}, copy=False)


def _groups(file: pq.ParquetFile, begin_ns: int, end_ns: int) -> Iterator[int]:
    column = file.schema_arrow.get_field_index(TIME)
    for number in range(file.metadata.num_row_groups):
        told = file.metadata.row_group(number).column(column).statistics
        if told.min_raw < end_ns and told.max_raw >= begin_ns:
            yield number


def remove(gone: Iterable[Segment]) -> None:
    """Remove segments whose samples stand in others, and what is kept beside them."""
    for segment in gone:
        segment.path.unlink(missing_ok=True)
        segment.path.with_suffix(CELLS).unlink(missing_ok=True)


def _arrow(topic: Topic, table: pd.DataFrame) -> pa.Table:
    fields = [pa.field(TIME, pa.timestamp("ns", tz="UTC"), metadata={"scale": "utc"})]
    fields += [pa.field(f.name, _TYPES[f.dtype], metadata={"units": f.units, "long_name": f.doc}) for f in topic.fields]
    return pa.Table.from_arrays(
        [pa.array(table[field.name].to_numpy(), field.type) for field in fields], schema=pa.schema(fields)
    )
