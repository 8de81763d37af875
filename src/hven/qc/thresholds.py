"""Thresholds from a file, and the status of measured values that follows from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml
from hven.model.metric import Status, Threshold
from hven.qc import METRICS
from hven.qc.processing import PROCESSING
from hven.qc.verification import VERIFICATION

_FOR_EVER = 2**62


class _Entry(BaseModel):
    """Limits of one metric as the file writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    dataset_types: tuple[str, ...] = ("",)
    lower: float | None = None
    upper: float | None = None
    lower_err: float | None = None
    upper_err: float | None = None
    begin: Annotated[dt.datetime | None, Field(description="UTC; empty is from the start.")] = None
    end: Annotated[dt.datetime | None, Field(description="UTC, not included; empty is for ever.")] = None
    may_be_missing: Annotated[bool, Field(description="Data may be too short for it.")] = False
    advice: Annotated[str, Field(description="The next step, in plain words.")]

    def expand(self) -> list[Threshold]:
        """One threshold for each dataset type."""
        begin = parse_utc(self.begin.isoformat()) if self.begin else 0
        end = parse_utc(self.end.isoformat()) if self.end else _FOR_EVER
        return [
            Threshold(
                metric=self.metric,
                lower=self.lower,
                upper=self.upper,
                lower_err=self.lower_err,
                upper_err=self.upper_err,
                dataset_type=name,
                begin=begin,
                end=end,
                advice=self.advice,
                may_be_missing=self.may_be_missing,
            )
            for name in self.dataset_types
        ]


def load_thresholds(*files: Path) -> tuple[Threshold, ...]:
    """Read threshold files; where two hold limits for the same metric, type and time, the later file wins.

    Parameters
    ----------
    files
        The instrument's ``thresholds.yaml`` first, then a site's own.

    Raises
    ------
    ConfigurationError
        Names file and entry of what is wrong.
    UnknownNameError
        For a metric that does not exist.
    """
    found: list[Threshold] = []
    for file in files:
        found = [*_parse(file), *found]
    return tuple(found)


def _parse(file: Path) -> list[Threshold]:
    values = read_yaml(file)
    if not isinstance(values, dict) or set(values) != {"thresholds"}:
        raise ConfigurationError(f"{file}: holds no list named thresholds")
    known, found = {m.name for m in METRICS} | set(PROCESSING) | set(VERIFICATION), []
    for number, value in enumerate(values["thresholds"]):
        try:
            entry = _Entry.model_validate(value)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(f"{file}: threshold {number}: {problems}") from None
        if entry.metric not in known:
            raise UnknownNameError("metric", entry.metric, known)
        found += entry.expand()
    return found


def find_threshold(thresholds: Sequence[Threshold], metric: str, dataset_type: str, time_ns: int) -> Threshold | None:
    """First threshold for a metric, valid at a time, of this dataset type or of all.

    Parameters
    ----------
    thresholds
        In order of precedence.
    metric
        Name of the metric.
    dataset_type
        Name without level, e.g. ``panoseti.img16``.
    time_ns
        UTC nanoseconds of the data.
    """
    for threshold in thresholds:
        fits = threshold.metric == metric and threshold.dataset_type in {"", dataset_type}
        if fits and threshold.begin <= time_ns < threshold.end:
            return threshold
    return None


def evaluate(metrics: pd.DataFrame, thresholds: Sequence[Threshold], dataset_type: str) -> pd.DataFrame:
    """Add status and advice to measured metrics.

    A row that has limits gets their status, `missing` for NaN. A row without limits is `ok`; without limits and
    value it is left out, since such a metric does not apply to the type; so is one without value that may be missing.

    Parameters
    ----------
    metrics
        Columns metric, unit, begin, end, grain, value.
    thresholds
        In order of precedence.
    dataset_type
        What was measured: name without level and without ``.qc``, e.g. ``panoseti.img16``.

    Returns
    -------
    pandas.DataFrame
        The rows with columns status, advice (empty for ok), lower, upper, lower_err, upper_err.
    """
    begins = metrics["begin"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    rows = []
    for row, begin in zip(metrics.to_dict("records"), begins, strict=True):
        limits = find_threshold(thresholds, str(row["metric"]), dataset_type, int(begin))
        if (limits is None or limits.may_be_missing) and np.isnan(row["value"]):
            continue
        rows.append({**{str(k): v for k, v in row.items()}, **_judged(limits, float(row["value"]))})
    columns = [*metrics.columns, "status", "advice", "lower", "upper", "lower_err", "upper_err"]
    return pd.DataFrame(rows, columns=columns)


def _judged(limits: Threshold | None, value: float) -> dict[str, object]:
    found = limits or Threshold("")
    status = found.status(value)
    numbers = {name: getattr(found, name) for name in ("lower", "upper", "lower_err", "upper_err")}
    return {"status": str(status), "advice": "" if status is Status.OK else found.advice, **numbers}
