"""Open products so that they remember which they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hven.model.product import Product
from hven.store import accessor
from hven.store.read import open_product as read_product

if TYPE_CHECKING:
    import xarray as xr

Chunks = dict[str, int] | str | None


def open_product(root: Path, product: Product, *, chunks: Chunks) -> xr.Dataset:
    """Open a version; attributes `hven_id` and `hven_folder` say which."""
    folder = root / product.path
    dataset = read_product(folder, chunks=chunks)
    return dataset.assign_attrs({accessor.ID: product.id, accessor.FOLDER: str(folder)})
