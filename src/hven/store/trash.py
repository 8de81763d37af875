"""The observatory's trash: products that nobody finds any more, before they are gone. No link is followed.

A file beside each tells where it came from; it is written before the product is moved, and removed after it has gone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from hven.core.errors import ConflictError, DataError
from hven.store.inspect import open_folder
from hven.store.paths import is_version
from hven.store.small_file import replace_text
from hven.store.staging import READ_ONLY, clean_staging, fsync_folder, unlock

TRASH = PurePosixPath(".trash")
_GONE = ".gone-"


class Trashed(BaseModel):
    """A product on its way out: where it was, since when it has expired and lies in the trash, and by which rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    path: PurePosixPath
    dataset: str
    run: str
    bytes: int
    rule: str
    expired_ns: int
    trashed_ns: int


def notes(root: Path) -> list[Trashed]:
    """Everything that is noted as in the trash, oldest first, also what a kill has left half moved."""
    found = [_read(file) for file in sorted((root / TRASH).glob("*.json")) if is_version(file.stem)]
    return sorted(found, key=lambda t: (t.trashed_ns, t.id))


def in_trash(root: Path) -> list[Trashed]:
    """Products that lie in the trash, oldest first."""
    return [one for one in notes(root) if lies_in_trash(root, one)]


def lies_in_trash(root: Path, one: Trashed) -> bool:
    """Whether its folder is in the trash."""
    return (root / TRASH / one.id).is_dir()


def trash(root: Path, one: Trashed) -> None:
    """Move a product into the trash by one rename.

    Raises
    ------
    DatasetNotFoundError
        When it is not in its place.
    AccessDeniedError
        When a part of its path is a link.
    """
    (root / TRASH).mkdir(exist_ok=True)
    with ExitStack() as opened:
        place = open_folder(root, one.path.parent, opened)
        product = open_folder(root, one.path, opened)
        target = open_folder(root, TRASH, opened)
        replace_text(_note(root, one), one.model_dump_json(indent=1))
        os.fchmod(product, stat.S_IMODE(os.fstat(product).st_mode) | stat.S_IWUSR)  # to be moved it must be writable
        os.rename(one.path.name, one.id, src_dir_fd=place, dst_dir_fd=target)
        os.fsync(target)
        os.fsync(place)


def put_back(root: Path, one: Trashed) -> None:
    """Move a product back to its place, where it is read-only again; its note stays until `forget`.

    Raises
    ------
    ConflictError
        When something else is in its place.
    """
    with ExitStack() as opened:
        place, source = open_folder(root, one.path.parent, opened), open_folder(root, TRASH, opened)
        if one.path.name in os.listdir(place):  # noqa: PTH208 - of a descriptor
            raise ConflictError(f"{one.path} is there already")
        os.rename(one.id, one.path.name, src_dir_fd=source, dst_dir_fd=place)
        product = open_folder(root, one.path, opened)
        os.fchmod(product, os.fstat(product).st_mode & READ_ONLY)
        os.fsync(place)
        os.fsync(source)


def forget(root: Path, one: Trashed) -> None:
    """Remove the note of a product."""
    _note(root, one).unlink(missing_ok=True)


def delete(root: Path, one: Trashed) -> None:
    """Delete a product that lies in the trash; from the first moment on it is no longer listed."""
    folder = root / TRASH / one.id
    doomed = folder.with_name(f"{_GONE}{one.id}")
    folder.rename(doomed)
    forget(root, one)
    fsync_folder(folder.parent)
    _remove(doomed)


def sweep(root: Path) -> None:
    """Delete the rest of what was being written or deleted when the process was killed."""
    clean_staging(root / TRASH)
    for folder in (root / TRASH).glob(f"{_GONE}*"):
        _remove(folder)


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock of the trash; raises ConflictError where another process holds it."""
    (root / TRASH).mkdir(exist_ok=True)
    descriptor = os.open(root / TRASH, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError("another process applies the rules", hint="Try again when it is done.") from None


def _remove(folder: Path) -> None:
    unlock(folder)
    shutil.rmtree(folder)


def _note(root: Path, one: Trashed) -> Path:
    return root / TRASH / f"{one.id}.json"


def _read(file: Path) -> Trashed:
    try:
        return Trashed.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise DataError(f"{file} is no note of a product in the trash: {error.errors()[0]['msg']}") from None
