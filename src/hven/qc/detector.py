"""Metrics of the detector, from its pedestals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hven.model import frames as v
from hven.model.metric import Metric
from hven.qc.series import nanoseconds, slope_per_hour
from hven.tasks.frames.pixel_mask import pixel_mask

if TYPE_CHECKING:
    import xarray as xr

_LEAST_PAIRS = 32


def camera_median(pedestals: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Median over the camera in each cell."""
    maps = pedestals[name].values
    return np.array([np.median(m[np.isfinite(m)]) if np.isfinite(m).any() else np.nan for m in maps], np.float64)


def counted(pedestals: xr.Dataset) -> bool:
    """Whether the frames count photons, so that their pedestal is the light of the sky."""
    return bool(pedestals["pedestal"].attrs.get("units") == "count")


def _median(values: NDArray[Any]) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else float("nan")


def pedestal(pedestals: xr.Dataset) -> float:
    """Median pedestal of the camera; for counted photons this is the sky level."""
    return _median(camera_median(pedestals, "pedestal"))


def pedestal_drift(pedestals: xr.Dataset) -> float:
    """Slope of the camera's median pedestal, per hour."""
    return slope_per_hour(nanoseconds(pedestals["begin"]), camera_median(pedestals, "pedestal"))


def noise(pedestals: xr.Dataset) -> float:
    """Median noise of the camera."""
    return _median(camera_median(pedestals, "noise"))


def noise_drift(pedestals: xr.Dataset) -> float:
    """Slope of the camera's median noise, per hour."""
    return slope_per_hour(nanoseconds(pedestals["begin"]), camera_median(pedestals, "noise"))


def _masked(pedestals: xr.Dataset, flag: str) -> float:
    mask = pixel_mask(pedestals["pedestal"].values, pedestals["noise"].values)
    return float(((mask & v.MASK_FLAGS[flag]) != 0).sum())


def dead_pixels(pedestals: xr.Dataset) -> float:
    """Pixels without noise."""
    return _masked(pedestals, "dead")


def hot_pixels(pedestals: xr.Dataset) -> float:
    """Pixels always far brighter than the camera, alone."""
    return _masked(pedestals, "hot")


def noisy_pixels(pedestals: xr.Dataset) -> float:
    """Pixels with far more noise than the camera."""
    return _masked(pedestals, "noisy")


def saturated_fraction(pedestals: xr.Dataset) -> float:
    """Fraction of pixel values at saturation."""
    values = pedestals["saturated_fraction"].values
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def spatial_deviation(pedestals: xr.Dataset) -> float:
    """Robust deviation of the pedestals over the camera, over their median: falls when clouds hide the stars."""
    ratios = []
    for values in pedestals["pedestal"].values:
        good = values[np.isfinite(values)]
        if len(good):
            centre = np.median(good)
            ratios.append(1.4826 * np.median(np.abs(good - centre)) / centre if centre > 0 else np.nan)
    return _median(np.array(ratios))


def sky_gradient(pedestals: xr.Dataset) -> float:
    """Change of the sky's level along its steepest slope from edge to edge of the camera, over its median."""
    level = pedestals["pedestal"].mean("cell").values
    if not counted(pedestals) or not np.isfinite(level).all() or np.median(level) <= 0:
        return float("nan")
    place = np.arange(len(level)) - (len(level) - 1) / 2
    slopes = [(place * np.median(level, axis=axis)).sum() / (place**2).sum() for axis in (0, 1)]
    return float(np.hypot(*slopes) * (len(level) - 1) / np.median(level))


def border_correlation(pedestals: xr.Dataset) -> float:
    """Correlation of events in neighbours across quadrants' borders less half that inside, in deviations."""
    if counted(pedestals):
        return float("nan")
    level = (pedestals["maximum"] - pedestals["pedestal"]) / pedestals["noise"].where(pedestals["noise"] > 0)
    maps = level.values - camera_median(pedestals.assign(level=level), "level")[:, None, None]
    half = maps.shape[1] // 2
    inside = [_across(maps, place)[0] for place in (half // 2, half + half // 2)]
    border, pairs = _across(maps, half)
    one_deviation = 1 / np.sqrt(max(pairs, 1))  # of the correlation of so many pairs
    return float((border - 0.5 * np.mean(inside)) / one_deviation)


def _across(maps: NDArray[Any], place: int) -> tuple[float, int]:
    """Correlation of the pixels on either side of a column and of a row, and how many pairs there are."""
    left = np.concatenate([maps[:, :, place - 1].ravel(), maps[:, place - 1, :].ravel()])
    right = np.concatenate([maps[:, :, place].ravel(), maps[:, place, :].ravel()])
    good = np.isfinite(left) & np.isfinite(right)
    flat = good.sum() < _LEAST_PAIRS or np.std(left[good]) == 0 or np.std(right[good]) == 0
    return (np.nan, 0) if flat else (float(np.corrcoef(left[good], right[good])[0, 1]), int(good.sum()))


_BEGIN = (v.BEGIN,)

METRICS = (
    Metric("pedestal", "adu", pedestal.__doc__ or "", "pedestals", (*_BEGIN, v.PEDESTAL), "hour", pedestal),
    Metric(
        "pedestal_drift",
        "adu h-1",
        pedestal_drift.__doc__ or "",
        "pedestals",
        (*_BEGIN, v.PEDESTAL),
        "hour",
        pedestal_drift,
    ),
    Metric("noise", "adu", noise.__doc__ or "", "pedestals", (*_BEGIN, v.NOISE), "hour", noise),
    Metric("noise_drift", "adu h-1", noise_drift.__doc__ or "", "pedestals", (*_BEGIN, v.NOISE), "hour", noise_drift),
    *(
        Metric(f.__name__, "1", f.__doc__ or "", "pedestals", (*_BEGIN, v.PEDESTAL, v.NOISE), "hour", f)
        for f in (dead_pixels, hot_pixels, noisy_pixels)
    ),
    Metric(
        "saturated_fraction",
        "1",
        saturated_fraction.__doc__ or "",
        "pedestals",
        (*_BEGIN, v.SATURATED_FRACTION),
        "hour",
        saturated_fraction,
    ),
    Metric(
        "spatial_deviation",
        "1",
        spatial_deviation.__doc__ or "",
        "pedestals",
        (*_BEGIN, v.PEDESTAL),
        "hour",
        spatial_deviation,
    ),
    Metric("sky_gradient", "1", sky_gradient.__doc__ or "", "pedestals", (*_BEGIN, v.PEDESTAL), "hour", sky_gradient),
    Metric(
        "border_correlation",
        "1",
        border_correlation.__doc__ or "",
        "pedestals",
        (*_BEGIN, v.PEDESTAL, v.NOISE, v.MAXIMUM),
        "observation",
        border_correlation,
    ),
)
"""Metrics of the detector."""
