"""Quality metrics, one record each in a module for each family, and the thresholds that judge them."""

from __future__ import annotations

from hven.model.metric import Metric
from hven.qc.clock import METRICS as CLOCK
from hven.qc.detector import METRICS as DETECTOR
from hven.qc.frames import METRICS as FRAMES
from hven.qc.hardware import METRICS as HARDWARE
from hven.qc.references import METRICS as REFERENCES
from hven.qc.shutter import METRICS as SHUTTER

METRICS: tuple[Metric, ...] = (*FRAMES, *CLOCK, *REFERENCES, *DETECTOR, *HARDWARE, *SHUTTER)
"""All metrics."""
