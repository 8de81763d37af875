"""Write manifests and provenance records of products again where what else is known gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from hven.core.errors import ChecksumError
from hven.model.content_digest import digest_dataset
from hven.model.product import Product
from hven.model.provenance import Provenance, SoftwareRecord
from hven.pipeline.identity import software
from hven.store.index import product_record
from hven.store.manifest import MANIFEST, PROVENANCE, Manifest, record_files
from hven.store.paths import parse_product_path
from hven.store.read import open_product


def read_manifest(folder: Path) -> Manifest | None:
    """Manifest of a product; None where it cannot be read or is not what its digest says."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    return manifest if manifest.sealed() == manifest else None


def manifest_again(root: Path, product: Product) -> str:
    """Manifest of a product as it was, from its files and what the registry knows.

    Raises
    ------
    ChecksumError
        When files and registry do not say the same, so that nobody knows what belongs there.
    """
    folder = root / product.path
    try:
        digest = digest_dataset(open_product(folder, chunks=None, indexes=False))
        record = Provenance.model_validate_json((folder / PROVENANCE).read_text())
        manifest = Manifest(
            form=product.form,
            rows=product.rows,
            begin_ns=product.begin_ns,
            end_ns=product.end_ns,
            content_digest=digest,
            files=tuple(f for f in record_files(folder) if f.path != MANIFEST),
        ).sealed()
        found = product_record(
            parse_product_path(product.path), record.model_dump(mode="json"), manifest.model_dump(mode="json")
        )
    except Exception as error:  # noqa: BLE001 - what is damaged breaks decoders in any way
        raise ChecksumError(f"its manifest is lost, and its files cannot be read: {error}") from None
    if found != product or record.id != product.id:
        raise ChecksumError("its manifest is lost, and its files are not what the registry knows of it")
    return manifest.model_dump_json(indent=1)


def provenance_again(root: Path, record: Provenance, sha256: str, like: Iterable[Product]) -> str:
    """Provenance record of a product as it was: `record` with the software that made it, by its sha256.

    Parameters
    ----------
    root
        Data root.
    record
        As it would be written today.
    sha256
        Of the lost one.
    like
        Products that may have been made by the same software.

    Raises
    ------
    ChecksumError
        When no software gives the bytes.
    """
    for made_by in _softwares(root, like):
        text = record.model_copy(update={"software": made_by}).model_dump_json(indent=1)
        if hashlib.sha256(text.encode()).hexdigest() == sha256:
            return text
    raise ChecksumError(f"nothing here gives the bytes of {PROVENANCE}: bring it back from a backup or a replica")


def _softwares(root: Path, like: Iterable[Product]) -> Iterator[SoftwareRecord]:
    """Software records of products, each once; that of this process first."""
    known = [software()]
    yield known[0]
    for product in like:
        try:
            found = Provenance.model_validate_json((root / product.path / PROVENANCE).read_text()).software
        except (OSError, ValidationError, UnicodeDecodeError):
            continue
        if found not in known:
            known.append(found)
            yield found
