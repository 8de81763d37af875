"""Give a raw file back from the L0 product that was made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Buffer, Iterator
from itertools import takewhile
from pathlib import Path

from hven.archive.raw_manifest import RawManifest, RawRecord
from hven.core.errors import ChecksumError, DatasetNotFoundError
from hven.model.data_id import DatasetRef
from hven.model.instrument import Format
from hven.model.provenance import Provenance
from hven.store.manifest import PROVENANCE
from hven.store.paths import data_id_folder, is_version
from hven.store.read import open_product

_ROWS_AT_ONCE = 4


def restore(root: Path, ref: DatasetRef, file: RawRecord, target: Path, *, manifest: RawManifest, form: Format) -> None:
    """Write a raw file again, bit for bit.

    Parameters
    ----------
    root
        Data root.
    ref
        The L0 dataset to which the file belongs.
    file
        Its record.
    target
        Where it is written; its folder exists.
    manifest
        Of the observation, which tells how many rows each file has.
    form
        Format of the dataset's type.

    Raises
    ------
    DatasetNotFoundError
        When no version of the dataset holds the file.
    ChecksumError
        When the product does not give the bytes whose digest the manifest has.
    """
    version, start = _holding(root, ref, file, manifest)
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        for piece in _pieces(version, form, start, start + file.rows):
            digest.update(piece)
            stream.write(piece)
    if digest.hexdigest() != file.sha256:
        target.unlink()
        raise ChecksumError(
            f"{version} does not give {file.name} back as it was archived",
            hint="Bring this folder back from a backup or a replica.",
        )


def _pieces(version: Path, form: Format, start: int, stop: int) -> Iterator[Buffer]:
    rows = open_product(version, chunks=None)
    for first in range(start, stop, _ROWS_AT_ONCE):
        yield from form.encode(rows.isel(time=slice(first, min(first + _ROWS_AT_ONCE, stop))).load())


def _holding(root: Path, ref: DatasetRef, file: RawRecord, manifest: RawManifest) -> tuple[Path, int]:
    """Newest version that was made of the file, and the file's first row in it."""
    rows = {(f.name, f.sha256): f.rows for f in manifest.files}
    folder = root / data_id_folder(ref)
    for version in sorted((p for p in folder.glob("*") if is_version(p.name)), reverse=True):
        made = Provenance.model_validate_json((version / PROVENANCE).read_text())
        before = list(takewhile(lambda i: i.digest != file.sha256 or i.slot != file.name, made.inputs))
        if len(before) < len(made.inputs):
            return version, sum(rows[i.slot, i.digest] for i in before)
    raise DatasetNotFoundError(f"no version of {ref} holds {file.name}", hint="Deliver the file again.")
