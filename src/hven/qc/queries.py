"""What pages ask about quality; reads only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from hven.core.errors import ConfigurationError
from hven.model.metric import Threshold
from hven.qc.processing import PROCESSING
from hven.qc.thresholds import evaluate, load_thresholds

__all__ = ["LIMITS", "PROCESSING", "UNLIMITED", "judged", "thresholds"]

UNLIMITED = "unlimited"
"""Status of a value for which there are no limits."""
_COLUMNS = ("metric", "unit", "begin", "end", "grain", "value")
LIMITS = ("lower", "upper", "lower_err", "upper_err")


@lru_cache(maxsize=16)
def thresholds(file: Path) -> tuple[Threshold, ...]:
    """Thresholds of an instrument, read once."""
    return load_thresholds(file)


def judged(metrics: pd.DataFrame, file: Path, dataset_type: str) -> pd.DataFrame:
    """Metrics with status, advice and limits; a value without limits is `unlimited`, which is not the same as good.

    Parameters
    ----------
    metrics
        Columns metric, unit, begin, end, grain, value.
    file
        The instrument's ``thresholds.yaml``.
    dataset_type
        What was measured, e.g. ``panoseti.img16``.

    Raises
    ------
    ConfigurationError
        When it is no table of metrics.
    """
    if missing := [column for column in _COLUMNS if column not in metrics]:
        raise ConfigurationError(
            f"{dataset_type} is no table of metrics: it has no {', '.join(missing)}",
            hint="Metrics are in products of types that end in .qc; `hven find` lists them.",
        )
    found = evaluate(metrics, thresholds(file), dataset_type)
    free = found[list(LIMITS)].isna().all(axis=1)
    return found.assign(status=found["status"].mask(free, UNLIMITED))
