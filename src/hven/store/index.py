"""Read the index entries of products from disk: the disk is the truth, the registry its index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hven.core.errors import DatasetNotFoundError
from hven.model.data_id import Level
from hven.model.product import Product
from hven.store.manifest import MANIFEST, PROVENANCE
from hven.store.paths import is_version, parse_product_path


def iter_products(root: Path) -> Iterator[Product]:
    """All published products below a data root, in order of path; reads two small files of each."""
    tops = [root / level for level in Level]
    users = root / "users"
    owners = sorted(users.iterdir()) if users.is_dir() else []
    tops += [owner / level for owner in owners for level in Level]
    for top in tops:
        for folder in _versions(top):
            yield read_product(root, PurePosixPath(folder.relative_to(root)))


def read_product(root: Path, path: PurePosixPath) -> Product:
    """Index entry of one product, from its provenance record and manifest.

    Raises
    ------
    DatasetNotFoundError
        When there is no published product at this path.
    """
    try:
        provenance, manifest = (json.loads((root / path / name).read_text()) for name in (PROVENANCE, MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetNotFoundError(f"there is no product at {path}") from None
    return product_record(path, provenance, manifest)


def product_record(path: PurePosixPath, provenance: Mapping[str, Any], manifest: Mapping[str, Any]) -> Product:
    """Index entry from the JSON of provenance record and manifest."""
    parsed = parse_product_path(path)
    same = ("run", "created_ns", "user", "site", "schema_version", "task", "quantum_key", "output")
    described = ("form", "rows", "begin_ns", "end_ns")
    return Product(
        id=parsed.version,
        ref=parsed.ref,
        path=path,
        digest=manifest["content_digest"],
        size_bytes=sum(f["bytes"] for f in manifest["files"]),
        flags=tuple(provenance["flags"]),
        **{key: provenance[key] for key in same},
        **{key: manifest[key] for key in described},
    )


def inputs_of(root: Path, product: Product) -> list[str]:
    """Ids of what a product was made from, from its provenance record."""
    record = json.loads((root / product.path / PROVENANCE).read_text())
    return [i["id"] for i in record["inputs"] if i["role"] != "raw"]


def _versions(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "raw" or not entry.is_dir(follow_symlinks=False):
            continue
        if is_version(entry.name):
            yield Path(entry.path)
        else:
            yield from _versions(Path(entry.path))
