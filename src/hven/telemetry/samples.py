"""Samples of a topic as a table: made to fit the declaration, in order of time, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hven.core.errors import SchemaError, UnknownNameError
from hven.model.telemetry import TIME, Field, Topic

_ABSENT: dict[str, Any] = {"float64": np.nan, "str": ""}
_ORIGIN = "_origin"


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of samples that were handed in.

    Parameters
    ----------
    new
        Kept now.
    duplicates
        Were there already, the same.
    conflicts
        Another sample of the same time (and keys) was there first and stays.
    late
        Of the new ones, those older than the newest that had been there.
    """

    new: int = 0
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0

    def __add__(self, other: Appended) -> Appended:
        """Both together."""
        pairs = ((getattr(self, n), getattr(other, n)) for n in ("new", "duplicates", "conflicts", "late"))
        return Appended(*(a + b for a, b in pairs))


def conform(topic: Topic, samples: pd.DataFrame | xr.Dataset) -> pd.DataFrame:
    """Samples with exactly the declared columns, `time` as UTC nanoseconds (int64), in order of time and keys.

    Raises
    ------
    UnknownNameError
        For a column that is not declared.
    SchemaError
        When a time is missing, a number is no number, or units are others than declared.
    """
    if isinstance(samples, xr.Dataset):
        _check_units(topic, samples)
        samples = pd.DataFrame({str(name): variable.to_numpy() for name, variable in samples.variables.items()})
    declared = {field.name: field for field in topic.fields}
    for name in samples.columns:
        if name not in {TIME, *declared}:
            raise UnknownNameError(f"field of {topic.name}", str(name), declared)
    if TIME not in samples:
        raise SchemaError(f"{topic.name}: the samples have no column time")
    columns = {name: _column(topic, field, samples) for name, field in declared.items()}
    table = pd.DataFrame({TIME: _times(topic, samples[TIME]), **columns})
    return ordered(topic, table)


def ordered(topic: Topic, table: pd.DataFrame) -> pd.DataFrame:
    """In order of time and keys; rows of the same stay as they follow each other."""
    if not topic.keys and table[TIME].is_monotonic_increasing:
        return table.reset_index(drop=True)
    return table.sort_values([TIME, *topic.keys], kind="stable", ignore_index=True)


def merge(topic: Topic, there: pd.DataFrame, new: pd.DataFrame, newest: int) -> tuple[pd.DataFrame, Appended]:
    """Samples that were there and new ones, each once; of one time (and keys) the first stays.

    `newest` is the time from which on samples are not late.
    """
    both = pd.concat([there.assign(**{_ORIGIN: 0}), new.assign(**{_ORIGIN: 1})], ignore_index=True)
    both = ordered(topic, both)
    again = both.duplicated([TIME, *topic.keys]).to_numpy()
    added = (both[_ORIGIN].to_numpy() == 1) & ~again
    late = int((added & (both[TIME].to_numpy() < newest)).sum())
    same = int(_same_as_first(topic, both, again).sum())
    told = Appended(int(added.sum()), same, int(again.sum()) - same, late)
    return both[~again].drop(columns=_ORIGIN).reset_index(drop=True), told


def _same_as_first(topic: Topic, both: pd.DataFrame, again: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which of the repeated rows are equal to the first of their time and keys; not-a-number is equal to itself."""
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(both))))[again]
    same = np.ones(len(first), bool)
    for field in topic.fields:
        values = both[field.name].to_numpy()
        here, before = values[again], values[first]
        equal = here == before
        if field.dtype == "float64":
            equal |= np.isnan(here) & np.isnan(before)
        same &= equal
    return same


def _times(topic: Topic, column: pd.Series) -> np.ndarray[Any, Any]:
    """UTC nanoseconds of a column of times or whole nanoseconds."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.isna().any():
        raise SchemaError(f"{topic.name}: a sample has no time")
    if column.dtype.kind == "M":
        return column.to_numpy().astype("datetime64[ns]").view(np.int64)
    if column.dtype.kind not in "iu":
        raise SchemaError(f"{topic.name}: times are {column.dtype}", hint="Give datetime64 or whole nanoseconds, UTC.")
    times = column.to_numpy().astype(np.int64)
    if len(times) and times.min() < 0:
        raise SchemaError(f"{topic.name}: a time lies before 1970")
    return times


def _column(topic: Topic, field: Field, samples: pd.DataFrame) -> np.ndarray[Any, Any] | pd.Series:
    if field.name not in samples:
        if field.dtype not in _ABSENT or field.name in topic.keys:
            raise SchemaError(f"{topic.name}: the samples have no {field.name}")
        return np.full(len(samples), _ABSENT[field.dtype], object if field.dtype == "str" else np.float64)
    column = samples[field.name]
    if field.dtype == "str":
        return column.fillna("").astype(str).astype(object)
    try:
        return (
            column.to_numpy(np.dtype(field.dtype), na_value=np.nan)
            if field.dtype == "float64"
            else _whole(column, field)
        )
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{topic.name}: {field.name} is no {field.dtype}: {error}") from None


def _whole(column: pd.Series, field: Field) -> np.ndarray[Any, Any]:
    values = column.to_numpy()
    cast = values.astype(np.dtype(field.dtype))
    if not np.array_equal(cast, values):
        raise ValueError("values would change")
    return cast


def _check_units(topic: Topic, samples: xr.Dataset) -> None:
    for field in topic.fields:
        told = samples[field.name].attrs.get("units", field.units) if field.name in samples.variables else field.units
        if told != field.units:
            raise SchemaError(f"{topic.name}: {field.name} in {told!r}, declared in {field.units!r}")
