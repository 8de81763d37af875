"""Read the index entries of products from disk: the disk is the truth, the registry its index."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hven.core.errors import DataError, DatasetNotFoundError
from hven.model.data_id import Level
from hven.model.product import Product
from hven.store.manifest import MANIFEST, PROVENANCE
from hven.store.paths import ProductPath, is_version, parse_product_path, product_path

_MEND = "Bring this folder back from a backup or a replica, or move it away and make the product again."


def iter_products(root: Path) -> Iterator[Product]:
    """All published products below a data root, in order of path; reads two small files of each."""
    return (read_product(root, path) for path in product_paths(root))


def product_paths(root: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[PurePosixPath]:
    """Version folders of all published products below a data root, in order.

    `onerror` is told of folders that cannot be listed; without it that is raised.
    """
    tops = [root / level for level in Level]
    folders = [root / name for name in ("users", "projects")]
    owners = [owner for folder in folders if folder.is_dir() for owner in sorted(folder.iterdir())]
    tops += [owner / level for owner in owners for level in Level]
    for top in tops:
        for folder in _versions(top, onerror or _raise):
            yield PurePosixPath(folder.relative_to(root))


def versions_below(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Version folders of all published products below a folder that is named relative to the data root, in order."""
    for found in _versions(root / folder, _raise):
        yield PurePosixPath(found.relative_to(root))


def read_product(root: Path, path: PurePosixPath) -> Product:
    """Index entry of one product, from its provenance record and manifest.

    Raises
    ------
    DatasetNotFoundError
        When there is no published product at this path.
    DataError
        When one of its two files cannot be read.
    """
    return product_record(parse_product_path(path), _record(root, path, PROVENANCE), _record(root, path, MANIFEST))


def _record(root: Path, path: PurePosixPath, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((root / path / name).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetNotFoundError(f"there is no product at {path}: it has no {name}", hint=_MEND) from None
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{path / name} cannot be read: {error}", hint=_MEND) from None


def product_record(parsed: ProductPath, provenance: Mapping[str, Any], manifest: Mapping[str, Any]) -> Product:
    """Index entry from the JSON of provenance record and manifest.

    Raises
    ------
    DataError
        When they lack what is needed.
    """
    path = product_path(parsed.ref, parsed.version, user=parsed.user)
    same = ("run", "created_ns", "user", "site", "schema_version", "task", "quantum_key", "output")
    described = ("form", "rows", "begin_ns", "end_ns")
    try:
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
    except (KeyError, TypeError) as error:
        raise DataError(f"{PROVENANCE} or {MANIFEST} in {path} is incomplete: {error}", hint=_MEND) from None


def inputs_of(root: Path, product: Product) -> list[str]:
    """Ids of what a product was made from, from its provenance record; raises as `read_product` does."""
    return inputs_at(root, product.path)


def inputs_at(root: Path, path: PurePosixPath) -> list[str]:
    """Ids of what the product in a folder was made from; raises as `read_product` does."""
    record = _record(root, path, PROVENANCE)
    return [i["id"] for i in record["inputs"] if i["role"] != "raw"]


def _versions(folder: Path, onerror: Callable[[OSError], None]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except FileNotFoundError:
        return
    except OSError as error:
        onerror(error)
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "raw" or not entry.is_dir(follow_symlinks=False):
            continue
        if is_version(entry.name):
            yield Path(entry.path)
        else:
            yield from _versions(Path(entry.path), onerror)


def _raise(error: OSError) -> None:
    raise error
