"""Metrics of the boards, from their housekeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.model import housekeeping as hk
from hven.model.metric import Metric
from hven.qc.series import nanoseconds, slope_per_hour

if TYPE_CHECKING:
    import xarray as xr


def _good(values: NDArray[Any]) -> NDArray[np.float64]:
    return values[np.isfinite(values)].astype(np.float64)


def _channels(records: xr.Dataset, prefix: str) -> NDArray[np.float64]:
    return _good(np.stack([records[f"{prefix}_{n}"].values for n in range(4)]))


def detector_temperature(records: xr.Dataset) -> float:
    """Median temperature of the detector."""
    values = _good(records["detector_temperature"].values)
    return float(np.median(values)) if len(values) else float("nan")


def detector_temperature_change(records: xr.Dataset) -> float:
    """Change of the detector's temperature from begin to end, along the straight line of least squares."""
    times = nanoseconds(records["time"])
    slope = slope_per_hour(times, records["detector_temperature"].values.astype(np.float64))
    return float(slope * np.ptp(times) / (3600 * NS))


def fpga_temperature(records: xr.Dataset) -> float:
    """Highest temperature of the FPGAs."""
    values = _good(records["fpga_temperature"].values)
    return float(values.max()) if len(values) else float("nan")


def high_voltage(records: xr.Dataset) -> float:
    """Mean bias voltage over channels and time."""
    values = _channels(records, "hv")
    return float(values.mean()) if len(values) else float("nan")


def high_voltage_deviation(records: xr.Dataset) -> float:
    """Root mean square of a channel's bias voltage about its own mean, of all channels together."""
    parts = []
    for quabo in np.unique(records["quabo"].values):
        for channel in range(4):
            values = _good(records[f"hv_{channel}"].values[records["quabo"].values == quabo])
            parts.append(values - values.mean() if len(values) else values)
    deviations = np.concatenate(parts) if parts else np.zeros(0)
    return float(np.sqrt((deviations**2).mean())) if len(deviations) else float("nan")


def high_voltage_current(records: xr.Dataset) -> float:
    """Mean bias current over channels and time, in microampere."""
    values = _channels(records, "hv_current")
    return float(values.mean() * 1e6) if len(values) else float("nan")


_TEMPERATURE = (hk.TIME, hk.DETECTOR_TEMPERATURE)

METRICS = (
    Metric(
        "detector_temperature",
        "degC",
        detector_temperature.__doc__ or "",
        "housekeeping",
        _TEMPERATURE,
        "hour",
        detector_temperature,
    ),
    Metric(
        "detector_temperature_change",
        "K",
        detector_temperature_change.__doc__ or "",
        "housekeeping",
        _TEMPERATURE,
        "hour",
        detector_temperature_change,
    ),
    Metric(
        "fpga_temperature",
        "degC",
        fpga_temperature.__doc__ or "",
        "housekeeping",
        (hk.TIME, hk.FPGA_TEMPERATURE),
        "hour",
        fpga_temperature,
    ),
    Metric("high_voltage", "V", high_voltage.__doc__ or "", "housekeeping", (hk.TIME, *hk.HV), "hour", high_voltage),
    Metric(
        "high_voltage_deviation",
        "V",
        high_voltage_deviation.__doc__ or "",
        "housekeeping",
        (hk.TIME, hk.QUABO, *hk.HV),
        "hour",
        high_voltage_deviation,
    ),
    Metric(
        "high_voltage_current",
        "uA",
        high_voltage_current.__doc__ or "",
        "housekeeping",
        (hk.TIME, *hk.HV_CURRENT),
        "hour",
        high_voltage_current,
    ),
)
"""Metrics of the boards."""
