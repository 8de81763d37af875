"""Metrics of storage and processing: the books tell them (registry, manifests, provenance records), not the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hven.model.data_id import Level


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit about the frames of a level."""

    name: str
    unit: str
    level: Level
    doc: str


PROCESSING = {
    measure.name: measure
    for measure in (
        Measure("raw_size", "MB", Level.L0, "Size of the raw files."),
        Measure("disk_size", "MB", Level.L0, "Size of the L0 product on disk."),
        Measure("compression_ratio", "1", Level.L0, "Size of the raw files over that of the L0 product."),
        Measure("ingest_latency", "s", Level.L0, "Time from the last frame to its L0 product."),
        Measure(
            "processing_version",
            "1",
            Level.L1,
            "Version of hven that calibrated the frames: 10,000 major + 100 minor + patch.",
        ),
        Measure(
            "coincidence_rate",
            "h-1",
            Level.L1,
            "Coincidences of the detector's events with other telescopes, per hour.",
        ),
    )
}
"""All of them, by name."""


def rows(values: Mapping[str, float], begin_ns: int, end_ns: int) -> pd.DataFrame:
    """Values by name as rows of a table of metrics: columns metric, unit, begin, end, grain, value."""
    begin, end = np.datetime64(begin_ns, "ns"), np.datetime64(end_ns, "ns")
    found = [(name, PROCESSING[name].unit, begin, end, "observation", value) for name, value in values.items()]
    return pd.DataFrame(found, columns=["metric", "unit", "begin", "end", "grain", "value"])
