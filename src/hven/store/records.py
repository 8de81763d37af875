"""What lies beside a product's data: where it comes from, and what its files are; nothing else is loaded to read it."""

from __future__ import annotations

from pathlib import Path

from hven.core.errors import DatasetNotFoundError
from hven.model.provenance import Provenance
from hven.store.manifest import MANIFEST, PROVENANCE, Manifest


def read_provenance(folder: Path) -> Provenance:
    """Provenance record of a product."""
    return Provenance.model_validate_json(_text(folder, PROVENANCE))


def read_manifest(folder: Path) -> Manifest:
    """Manifest of a product."""
    return Manifest.model_validate_json(_text(folder, MANIFEST))


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text()
    except FileNotFoundError:
        raise DatasetNotFoundError(f"there is no product in {folder}: {name} is missing") from None
