"""What the books say of frames in numbers: registry, manifests and provenance records; reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hven.core.clock import NS
from hven.model.data_id import Level
from hven.model.product import Product
from hven.qc.processing import rows
from hven.qc.queries import judged

if TYPE_CHECKING:
    import pandas as pd

    from hven.observatory.reading import Reading

_HOUR_NS = 3600 * NS
_MB = 1e6


def processing(observatory: Reading, product: Product) -> pd.DataFrame:
    """Metrics of the storage of L0 frames, or of the processing of L1 frames, judged as those of quality are.

    Returns
    -------
    pandas.DataFrame
        Columns as `Observatory.quality` has them, metrics those of `hven.qc.processing.PROCESSING` for the level. What
        is not known is left out: the size of the raw files of products made before it was recorded, and coincidences
        where none were searched.
    """
    values = (
        _storage(observatory, product) if product.ref.type.level == Level.L0 else _calibration(observatory, product)
    )
    thresholds = observatory.instruments[product.ref.type.instrument].resources / "thresholds.yaml"
    return judged(rows(values, product.begin_ns, product.end_ns), thresholds, product.ref.type.name)


def _storage(observatory: Reading, product: Product) -> dict[str, float]:
    raw_bytes = float(observatory.provenance(product).notes.get("raw_bytes", np.nan))
    return {
        "raw_size": raw_bytes / _MB,
        "disk_size": product.size_bytes / _MB,
        "compression_ratio": raw_bytes / product.size_bytes,
        "ingest_latency": (product.created_ns - product.end_ns) / NS,
    }


def _calibration(observatory: Reading, product: Product) -> dict[str, float]:
    version = observatory.provenance(product).software.version
    return {"processing_version": version_number(version), "coincidence_rate": _coincidence_rate(observatory, product)}


def version_number(version: str) -> float:
    """Version as a number that grows with it; NaN for what is no version.

    Examples
    --------
    >>> version_number("1.12.3")
    11203.0
    """
    parts = [part for part in version.split(".")[:3] if part.isdigit()]
    return float(sum(int(part) * 100 ** (2 - place) for place, part in enumerate(parts))) if parts else float("nan")


def _coincidence_rate(observatory: Reading, product: Product) -> float:
    """Coincidences per hour that hold an event of the detector; NaN where these frames were not searched for them."""
    data_id, name = product.ref.data_id, f"{product.ref.type.instrument}.coincidences"
    if name not in {t.name for t in observatory.dataset_types} or product.end_ns <= product.begin_ns:
        return float("nan")
    keys: dict[str, Any] = {key: data_id[key] for key in ("day_obs", "observation")}
    for found in observatory.query(name, level=Level.L2, **keys):
        if product.id in {i.id for i in observatory.provenance(found).inputs}:
            table = observatory.open_product(found, chunks=None)
            own = table["group"].to_numpy()[table["detector"].to_numpy() == data_id["detector"]]
            return len(np.unique(own)) / ((product.end_ns - product.begin_ns) / _HOUR_NS)
    return float("nan")
