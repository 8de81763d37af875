"""The exposures of a night, from what was archived of it, and what telemetry says of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hven.core.clock import NS
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.product import Product
from hven.model.telemetry import NUMBERS, PICKS, TIME, Column, ExposureTable, Function, Topic
from hven.store.read import read_rows, variable_names
from hven.telemetry.store import TelemetryStore
from hven.telemetry.transform import Reduced, Windows, reduce

COLUMNS = ("exposure", "observation", "begin", "end")
"""Of a table of exposures; `begin` and `end` in UTC nanoseconds, half-open."""

_ROW = "exposure"
_GAP_CADENCES = 3.0


def exposures(root: Path, raw: Sequence[Product], table: ExposureTable) -> pd.DataFrame:
    """Exposures of some raw products, in order of time, columns `COLUMNS`.

    Where raw data number exposures in their data ID or row by row, these are taken; otherwise each observation is an
    exposure, number 0. What several detectors say of an exposure is joined.
    """
    rows = [row for product in raw for row in _of_product(root, product, table)]
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"exposure": "int64", "begin": "int64", "end": "int64"})
    joined = found.groupby(["observation", "exposure"], as_index=False).agg({"begin": "min", "end": "max"})
    return joined.sort_values(["begin", "observation", "exposure"], ignore_index=True)[list(COLUMNS)]


def _of_product(root: Path, product: Product, table: ExposureTable) -> Iterator[tuple[int, str, int, int]]:
    data_id = product.ref.data_id
    observation = str(data_id.get("observation", ""))
    if _ROW in data_id or _ROW not in variable_names(root / product.path):
        yield int(data_id.get(_ROW, 0)), observation, product.begin_ns, product.end_ns
        return
    if not table.before_s and not table.after_s:
        raise ConfigurationError(
            f"the exposures of {product.ref} have no length", hint="Write before_s or after_s into telemetry.yaml."
        )
    found = read_rows(root / product.path, [TIME, _ROW], 0, product.rows)
    before, after = round(table.before_s * NS), round(table.after_s * NS)
    for number, time in zip(found[_ROW].to_numpy(), found[TIME].to_numpy().view(np.int64), strict=True):
        yield int(number), observation, int(time) - before, int(time) + after


def check(table: ExposureTable, topics: Mapping[str, Topic]) -> None:
    """Raise an error where a column names what is not declared, or a function does not fit its field.

    Raises
    ------
    UnknownNameError
        For a topic, field or key that is not declared.
    ConfigurationError
        For a function of text that is none of first, last and middle, or keys of a topic that are not selected.
    """
    for column in table.columns:
        if column.topic not in topics:
            raise UnknownNameError("topic", column.topic, topics)
        topic = topics[column.topic]
        declared = {field.name: field for field in topic.fields}
        for name in (column.field, *column.select):
            if name not in declared:
                raise UnknownNameError(f"field of {topic.name}", name, declared)
        if declared[column.field].dtype not in NUMBERS and column.function not in PICKS:
            raise ConfigurationError(
                f"{column.name}: there is no {column.function} of text", hint="Take first or last."
            )
        if set(column.select) != set(topic.keys):
            raise ConfigurationError(f"{column.name}: select says nothing of {', '.join(topic.keys) or 'no key'}")


def tabulate(
    store: TelemetryStore, topics: Mapping[str, Topic], table: ExposureTable, found: pd.DataFrame
) -> xr.Dataset:
    """What telemetry says of each exposure.

    Parameters
    ----------
    found
        Exposures, columns `COLUMNS`.

    Returns
    -------
    xr.Dataset
        Along `exposure`: each column of the table, and beside it `<column>_samples`, `<column>_nan`, `<column>_gaps`
        and for `middle` `<column>_age`.
    """
    check(table, topics)
    begins, ends = (found[name].to_numpy(np.int64) for name in ("begin", "end"))
    variables: dict[str, Any] = {}
    by_series = sorted(table.columns, key=_series)
    for _, columns in groupby(by_series, key=_series):
        variables |= _of_series(store, topics, list(columns), begins, ends)
    ordered = {name: variables[name] for column in table.columns for name in _names(column)}
    coords = {
        "exposure": ("exposure", found["exposure"].to_numpy()),
        "observation": ("exposure", found["observation"].to_numpy(object)),
        "begin": ("exposure", begins.view("datetime64[ns]"), {"scale": "utc"}),
        "end": ("exposure", ends.view("datetime64[ns]"), {"scale": "utc"}),
    }
    return xr.Dataset(ordered, xr.Coordinates(coords, indexes={}))


def _series(column: Column) -> tuple[Any, ...]:
    return column.topic, sorted(column.select.items())


def _names(column: Column) -> list[str]:
    more = ("age",) if column.function is Function.MIDDLE else ()
    return [column.name, *(f"{column.name}_{what}" for what in ("samples", "nan", "gaps", *more))]


def _of_series(
    store: TelemetryStore, topics: Mapping[str, Topic], columns: list[Column], begins: Any, ends: Any
) -> dict[str, Any]:
    """All columns of one topic (and one value of its keys): its samples are read once."""
    topic = topics[columns[0].topic]
    stale = max((column.staleness_s or 0.0 for column in columns), default=0.0)
    start, end = (int(begins.min()) - round(stale * NS), int(ends.max())) if len(begins) else (0, 1)
    samples = store.table(topic, sorted({column.field for column in columns}), start, end)
    for key, value in columns[0].select.items():
        samples = samples[samples[key].astype(str) == value]
    windows = Windows(samples[TIME].to_numpy(), begins, ends)
    variables: dict[str, Any] = {}
    for column in columns:
        variables |= _of_column(topic, column, windows, samples[column.field].to_numpy())
    return variables


def _of_column(topic: Topic, column: Column, windows: Windows, values: Any) -> dict[str, Any]:
    found = reduce(column.function, windows, values, staleness_s=column.staleness_s or np.inf)
    gap_s = column.gap_s or (_GAP_CADENCES * topic.cadence_s if topic.cadence_s else np.inf)
    return _variables(topic, column, found, windows.gaps(gap_s))


def _variables(topic: Topic, column: Column, found: Reduced, gaps: Any) -> dict[str, Any]:
    units, doc = topic.field(column.field).units, topic.field(column.field).doc
    if column.function is Function.SLOPE:
        units = f"{units} s-1" if units != "1" else "s-1"
    attrs = {"units": units, "long_name": f"{column.function} of {topic.name}.{column.field}: {doc}".rstrip(".")}
    told = {"samples": found.samples, "nan": found.nan, "gaps": gaps}
    words = {"samples": "Samples used", "nan": "Samples that were not-a-number", "gaps": "Stretches without samples"}
    variables: dict[str, Any] = {column.name: ("exposure", found.numbers, attrs)}
    for what, numbers in told.items():
        more = {"units": "1", "long_name": f"{words[what]}, {column.name}"}
        variables[f"{column.name}_{what}"] = ("exposure", np.asarray(numbers, np.int64), more)
    if found.age_s is not None:
        more = {"units": "s", "long_name": f"Age of the sample at the middle of the exposure, {column.name}"}
        variables[f"{column.name}_age"] = ("exposure", found.age_s, more)
    return variables
