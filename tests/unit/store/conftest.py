from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from hven.model.data_id import DatasetRef
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.store.publish import stage
from hven.store.write import write_dataset

sys.path.append(str(Path(__file__).parents[2] / "support"))
from demo_products import provenance

Publish = Callable[..., Product]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    def run(ref: DatasetRef, dataset_type: DatasetType, dataset: xr.Dataset, *, user: str = "") -> Product:
        with stage(tmp_path, ref, user=user) as staging:
            write_dataset(staging.path, dataset_type, dataset)
            return staging.publish(provenance(staging, dataset_type), dataset_type)

    return run
