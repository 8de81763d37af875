"""Metrics that compare a calibration with one made from frames that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TO_SIGMA = 1.4826
_FAR = 5.0

Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number with a unit that says how well two maps agree.

    `compute(candidate, held_out, error)` is given the values of both and the error expected of their difference;
    an empty unit is that of the maps.
    """

    name: str
    unit: str
    doc: str
    compute: Callable[[Map, Map, Map], float]


def _offset(candidate: Map, held_out: Map, error: Map) -> float:
    del error
    return _middle(candidate - held_out)


def _residual(candidate: Map, held_out: Map, error: Map) -> float:
    del error
    difference = candidate - held_out
    return _TO_SIGMA * _middle(np.abs(difference - _middle(difference)))


def _pull(candidate: Map, held_out: Map, error: Map) -> float:
    return _TO_SIGMA * _middle(np.abs(candidate - held_out) / error)


def _outliers(candidate: Map, held_out: Map, error: Map) -> float:
    pull = np.abs(candidate - held_out) / error
    known = pull[np.isfinite(pull)]
    return float(np.mean(known > _FAR)) if known.size else float("nan")


def _blank(candidate: Map, held_out: Map, error: Map) -> float:
    del error
    wanted = np.isfinite(held_out)
    return float(np.mean(~np.isfinite(candidate[wanted]))) if wanted.any() else float("nan")


def _middle(values: Map) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


VERIFICATION = {
    comparison.name: comparison
    for comparison in (
        Comparison("calibration_offset", "", "Median difference of candidate and held-out frames.", _offset),
        Comparison("calibration_residual", "", "Robust deviation of their difference over the pixels.", _residual),
        Comparison("calibration_pull", "1", "Robust deviation of their difference over its expected error.", _pull),
        Comparison("calibration_outliers", "1", "Part of the pixels that differ by over 5 errors.", _outliers),
        Comparison("calibration_blank", "1", "Part of the pixels of the held-out frames without value.", _blank),
    )
}
"""All of them, by name."""
