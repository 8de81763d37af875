"""The version that is opened by default: one line in the file `current` beside the versions of a dataset."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hven.core.errors import DataError
from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.store.paths import data_id_folder, is_version
from hven.store.small_file import replace_text
from hven.store.staging import fsync_folder

CURRENT = "current"

MEND = "Process or ingest the same data again: that writes it anew."
"""What to do about a file `current` that is no use."""

_SHOWN = 60


def set_current(root: Path, product: Product) -> None:
    """Make a product the one that is opened by default; nothing is written where it is that already."""
    try:
        known = _read(root, product.path.parent)
    except DataError:
        known = None
    if known != product.path:
        replace_text(root / product.path.parent / CURRENT, f"{product.path.name}\n")


def forget_current(root: Path, product: Product) -> None:
    """Let a product no longer be the one that is opened by default; nothing happens where it is not."""
    if _read(root, product.path.parent) == product.path:
        (root / product.path.parent / CURRENT).unlink()
        fsync_folder(root / product.path.parent)


def read_current(root: Path, ref: DatasetRef, *, user: str = "") -> PurePosixPath | None:
    """Path of the version that is opened by default, relative to the data root; None where there is none.

    Raises
    ------
    DataError
        When the file says something else than a version, or cannot be read.
    """
    return _read(root, data_id_folder(ref, user=user))


def _read(root: Path, folder: PurePosixPath) -> PurePosixPath | None:
    try:
        version = (root / folder / CURRENT).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / CURRENT} cannot be read: {error}", hint=MEND) from None
    if not is_version(version):
        raise DataError(f"{folder / CURRENT} names no version: {version[:_SHOWN]!r}", hint=MEND)
    return folder / version
