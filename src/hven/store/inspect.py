"""Look at somebody's published product without trusting them: no link is followed, nothing may be another's."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from hven.core.errors import AccessDeniedError, ChecksumError, DatasetNotFoundError, HvenError, SchemaError
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.store.index import product_record
from hven.store.manifest import MANIFEST, PROVENANCE, Manifest
from hven.store.paths import parse_product_path

MOST_BYTES = 64 << 20
"""A manifest or provenance record is not larger."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the disk says: index entry, and ids of what it was made from."""

    product: Product
    inputs: frozenset[str]


def inspect(root: Path, path: PurePosixPath, *, owners: Container[int] | None = None) -> Inspected:
    """Read the index entry of a product from the disk and check that it is whole.

    Sizes of files are checked, and digests of the records; the contents are what an audit reads.

    Parameters
    ----------
    root
        Data root.
    path
        Version folder, relative to it, as `hven.store.paths.product_path` makes it.
    owners
        Unix users to whom folder and files must belong; None does not ask.

    Raises
    ------
    AccessDeniedError
        When a part of the path or a file is a link, has another name elsewhere, or belongs to somebody else.
    DatasetNotFoundError
        When there is no product.
    ChecksumError, SchemaError
        When its files are not those of its manifest, or its records cannot be read.
    """
    with ExitStack() as opened:
        folder = open_folder(root, path, opened)
        _must_own(os.fstat(folder), path, owners)
        raw = {name: _read(folder, name, path, owners, opened) for name in (MANIFEST, PROVENANCE)}
        manifest = _parse(Manifest, raw[MANIFEST], path / MANIFEST)
        provenance = _parse(Provenance, raw[PROVENANCE], path / PROVENANCE)
        if manifest.sealed() != manifest:
            raise ChecksumError(f"{path}: the manifest is not what its digest says")
        digests = {f.path: f.sha256 for f in manifest.files}
        if digests.get(PROVENANCE) != hashlib.sha256(raw[PROVENANCE]).hexdigest():
            raise ChecksumError(f"{path}: the provenance record is not that of the manifest")
        _check_files(folder, path, manifest, owners)
    return _inspected(path, provenance, manifest)


def _inspected(path: PurePosixPath, provenance: Provenance, manifest: Manifest) -> Inspected:
    try:
        parsed = parse_product_path(path)
        product = product_record(parsed, provenance.model_dump(mode="json"), manifest.model_dump(mode="json"))
    except HvenError as error:
        raise SchemaError(f"{path}: {error.message}") from None
    named = (provenance.id, provenance.dataset_type, dict(provenance.data_id))
    if named != (product.id, str(product.ref.type), dict(product.ref.data_id)):
        raise SchemaError(f"{path}: the provenance record is that of another product")
    return Inspected(product, frozenset(i.id for i in provenance.inputs if i.role != "raw"))


def open_folder(root: Path, path: PurePosixPath, opened: ExitStack) -> int:
    """Open a folder part by part, so that no part can be a link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    opened.callback(os.close, folder)
    for part in path.parts:
        try:
            folder = os.open(part, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            raise DatasetNotFoundError(f"there is no product at {path}") from None
        except NotADirectoryError:
            raise AccessDeniedError(f"{path}: {part} is a link or no folder") from None
        except PermissionError:
            raise AccessDeniedError(
                f"{path}: {part} is closed to this account",
                hint="Keep the access list that the folder was made with.",
            ) from None
        opened.callback(os.close, folder)
    return folder


def _read(folder: int, name: str, path: PurePosixPath, owners: Container[int] | None, opened: ExitStack) -> bytes:
    try:
        file = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise DatasetNotFoundError(f"there is no product at {path}") from None
    except OSError as error:
        raise AccessDeniedError(f"{path / name}: it is a link or cannot be read: {error.strerror}") from None
    opened.callback(os.close, file)
    info = os.fstat(file)
    _must_be_plain(info, path / name, owners)
    if info.st_size > MOST_BYTES:
        raise SchemaError(f"{path / name} is larger than {MOST_BYTES >> 20} MB")
    with os.fdopen(os.dup(file), "rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _check_files(folder: int, path: PurePosixPath, manifest: Manifest, owners: Container[int] | None) -> None:
    expected = {f.path: f.bytes for f in manifest.files}
    found = {}
    for base, folders, files, descriptor in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        below = PurePosixPath(base)
        for name in (*folders, *files):
            info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if name in folders and stat.S_ISDIR(info.st_mode):
                _must_own(info, path / below / name, owners)
                continue
            _must_be_plain(info, path / below / name, owners)
            found[(below / name).as_posix()] = info.st_size
    found.pop(MANIFEST, None)
    if found != expected:
        different = sorted(set(found.items()) ^ set(expected.items()))
        raise ChecksumError(f"{path}: {different[0][0]} is missing, additional or of another size than the manifest's")


def _must_be_plain(info: os.stat_result, path: PurePosixPath, owners: Container[int] | None) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise AccessDeniedError(f"{path} is no plain file")
    if info.st_nlink != 1:
        raise AccessDeniedError(f"{path} has another name elsewhere: it is a hard link")
    _must_own(info, path, owners)


def _must_own(info: os.stat_result, path: PurePosixPath, owners: Container[int] | None) -> None:
    if owners is not None and info.st_uid not in owners:
        raise AccessDeniedError(f"{path} belongs to somebody else")


def _parse[Record: BaseModel](kind: type[Record], text: bytes, path: PurePosixPath) -> Record:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SchemaError(f"{path}: {where}: {first['msg']}") from None
