"""How good the products of a run are, by the thresholds of their instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hven.model.events import METRICS
from hven.model.instrument import Instrument
from hven.model.metric import Status
from hven.model.product import Product
from hven.qc.queries import UNLIMITED, judged
from hven.store.read import open_product

_THRESHOLDS = "thresholds.yaml"


@dataclass(frozen=True, slots=True)
class Quality:
    """Metrics that have limits, and how many of them are `error` and `warning`."""

    judged: int = 0
    errors: int = 0
    warnings: int = 0

    @property
    def status(self) -> Status:
        """The worst; `missing` where nothing was measured.

        Examples
        --------
        >>> str(Quality(judged=7, warnings=1).status), str(Quality().status)
        ('warning', 'missing')
        """
        if not self.judged:
            return Status.MISSING
        return Status.ERROR if self.errors else Status.WARNING if self.warnings else Status.OK


def quality_of(products: Sequence[Product], root: Path, instrument: Instrument) -> Quality:
    """Judge the metrics of whole observations among some products by the thresholds of the instrument."""
    columns = {variable.name for variable in METRICS}
    tables = {
        str(t.type_name) for t in instrument.dataset_types if columns <= {variable.name for variable in t.variables}
    }
    found = [
        _quality(product, root, instrument.resources / _THRESHOLDS)
        for product in products
        if str(product.ref.type) in tables
    ]
    return Quality(sum(q.judged for q in found), sum(q.errors for q in found), sum(q.warnings for q in found))


def _quality(product: Product, root: Path, thresholds: Path) -> Quality:
    dataset = open_product(root / product.path, chunks=None)
    metrics = pd.DataFrame({variable.name: dataset[variable.name].to_numpy() for variable in METRICS})
    whole = metrics[metrics["grain"] == "observation"]
    status = judged(whole, thresholds, product.ref.type.name.removesuffix(".qc"))["status"]
    limited = status[status != UNLIMITED]
    errors, warnings = (int((limited == str(bad)).sum()) for bad in (Status.ERROR, Status.WARNING))
    return Quality(len(limited), errors, warnings)
