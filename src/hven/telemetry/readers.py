"""Files with samples as other programs write them: lines of JSON, CSV, Parquet, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hven.core.clock import NS, utc_of_tai
from hven.core.errors import FormatError, HvenError
from hven.model.telemetry import TIME, Source, Topic

SUFFIXES = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet", ".json": "json", ".txt": "csv"}


def read_samples(topic: Topic, file: Path, *, begin_ns: int | None = None) -> pd.DataFrame:
    """Samples of a file, columns `time` (UTC nanoseconds) and fields of the topic.

    Parameters
    ----------
    topic
        Says in `source` how its files are written; without it the suffix tells, and columns have the fields' names.
    file
        What to read.
    begin_ns
        UTC time from which elapsed seconds count.

    Raises
    ------
    FormatError
        When it cannot be read so; names the file.
    """
    source = topic.source or _usual(file)
    try:
        found = _READERS[source.format](file, source)
        columns = {name: source.columns.get(name, name) for name in (f.name for f in topic.fields)}
        unknown = set(map(str, found.columns)) - {source.time, *columns.values()}
        extra = {name: name for name in unknown if not topic.source}  # the store will refuse them by name
        picked = {n: found[c] for n, c in {**columns, **extra}.items() if c in found.columns}
        return pd.DataFrame({TIME: _times(found[source.time], source, begin_ns), **picked})
    except HvenError:
        raise
    except KeyError as error:
        raise FormatError(file, f"there is no {error}", hint=f"Topic {topic.name} says how its files are.") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise FormatError(file, f"no {source.format} with samples: {error}") from None


def _usual(file: Path) -> Source:
    if file.suffix not in SUFFIXES:
        raise FormatError(
            file, f"no file of samples has the suffix {file.suffix!r}", hint=f"Known: {', '.join(SUFFIXES)}."
        )
    return Source(format=SUFFIXES[file.suffix])  # type: ignore[arg-type]


def _lines(file: Path, _source: Source) -> pd.DataFrame:
    return _flat([json.loads(line) for line in file.read_text().splitlines() if line.strip()])


def _document(file: Path, source: Source) -> pd.DataFrame:
    found = json.loads(file.read_text())
    for word in filter(None, source.samples.split(".")):
        found = found[word]
    return _flat(found)


def _flat(samples: list[dict[str, Any]]) -> pd.DataFrame:
    """Samples with their nested values by path, e.g. `time.tai`."""
    nested = any(isinstance(value, dict) for sample in samples[:1] for value in sample.values())
    return pd.json_normalize(samples) if nested else pd.DataFrame.from_records(samples)


def _csv(file: Path, source: Source) -> pd.DataFrame:
    names = list(source.header) or None
    separator = r"\s+" if source.separator.isspace() else source.separator
    return pd.read_csv(file, sep=separator, names=names, header=None if names else "infer")


def _parquet(file: Path, _source: Source) -> pd.DataFrame:
    return pd.read_parquet(file)


_READERS: dict[str, Callable[[Path, Source], pd.DataFrame]] = {
    "jsonl": _lines,
    "csv": _csv,
    "parquet": _parquet,
    "json": _document,
}


def _times(column: pd.Series, source: Source, begin_ns: int | None) -> np.ndarray[Any, Any]:
    """UTC nanoseconds of a column of times as a source writes them."""
    if source.time_form == "elapsed":
        if begin_ns is None:
            raise ValueError("its times are seconds since a begin, which was not told")
        return begin_ns + _seconds(column)
    times = _moments(column) if source.time_form == "stamp" else _whole(column, source)
    return utc_of_tai(times) if source.scale == "tai" else times


def _whole(column: pd.Series, source: Source) -> np.ndarray[Any, Any]:
    return column.to_numpy(np.int64) if source.time_form == "ns" else _seconds(column)


def _seconds(column: pd.Series) -> np.ndarray[Any, Any]:
    """Nanoseconds of seconds, whole and part apart: floats have too few digits for both."""
    seconds = column.to_numpy(np.float64)
    whole = np.floor(seconds)
    return whole.astype(np.int64) * NS + np.rint((seconds - whole) * NS).astype(np.int64)


def _moments(column: pd.Series) -> np.ndarray[Any, Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.dtype.kind == "M":
        return column.to_numpy().astype("datetime64[ns]").view(np.int64)
    if column.dtype.kind in "iu":
        return column.to_numpy(np.int64)
    parsed = pd.to_datetime(column, utc=True, format="ISO8601")
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").view(np.int64)
