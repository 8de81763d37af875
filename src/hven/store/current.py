"""The version that is opened by default: one line in the file `current` beside the versions of a dataset."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.store.paths import data_id_folder, is_version, parse_product_path
from hven.store.small_file import replace_text

CURRENT = "current"


def set_current(root: Path, product: Product) -> None:
    """Make a product the one that is opened by default: one line in the file `current` beside its versions."""
    parsed = parse_product_path(product.path)
    folder = root / product.path.parent
    replace_text(folder / CURRENT, f"{parsed.version}\n")


def read_current(root: Path, ref: DatasetRef, *, user: str = "") -> PurePosixPath | None:
    """Path of the version that is opened by default, relative to the data root; None where there is none."""
    folder = data_id_folder(ref, user=user)
    try:
        version = (root / folder / CURRENT).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return folder / version if is_version(version) else None
