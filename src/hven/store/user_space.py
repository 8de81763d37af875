"""Somebody's own folder below the data root: what lies in it, and its trash. All of it is done with their rights."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hven.core.errors import ConflictError, DatasetNotFoundError
from hven.store.current import CURRENT
from hven.store.paths import is_version, parse_product_path, user_root
from hven.store.staging import fsync_folder, unlock

TRASH = ".trash"


@dataclass(frozen=True, slots=True)
class Found:
    """Versions that were not known, by path with their bytes, and bytes of everything else and in the trash."""

    versions: dict[PurePosixPath, int]
    other: int
    trash: int


def trash_folder(root: Path, user: str) -> Path:
    """Where removed products of somebody lie."""
    return root / user_root(user) / TRASH


def look(root: Path, user: str, *, known: Container[PurePosixPath] = ()) -> Found:
    """Measure what lies in somebody's folder; `known` versions are passed over, no link is followed."""
    top = root / user_root(user)
    versions: dict[PurePosixPath, int] = {}
    other = 0
    for base, folders, files in os.walk(top):
        folder = Path(base)
        if folder == top and TRASH in folders:
            folders.remove(TRASH)
        for name in [f for f in folders if is_version(f)]:
            folders.remove(name)
            path = PurePosixPath((folder / name).relative_to(root))
            if path not in known:
                versions[path] = tree_bytes(folder / name)
        other += sum(_bytes(folder / name) for name in files)
    return Found(versions, other, tree_bytes(top / TRASH))


def tree_bytes(folder: Path) -> int:
    """Bytes of all files below a folder, 0 where there is none."""
    return sum(_bytes(Path(base, name)) for base, _, files in os.walk(folder) for name in files)


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0


def move_to_trash(root: Path, path: PurePosixPath) -> None:
    """Take a version away from its place by one rename; it is no longer `current` either.

    Nothing is written that needs a free byte.

    Raises
    ------
    DatasetNotFoundError
        When it is not there.
    ConflictError
        When it is a link, or not in somebody's own folder.
    """
    parsed = parse_product_path(path)
    place = root / path
    if not parsed.user or place.is_symlink():
        raise ConflictError(f"{path} is no product in a folder of somebody's own")
    if not place.is_dir():
        raise DatasetNotFoundError(f"there is no product at {path}")
    trash = trash_folder(root, parsed.user)
    trash.mkdir(mode=0o700, exist_ok=True)
    place.chmod(stat.S_IMODE(place.stat().st_mode) | stat.S_IWUSR)  # a folder is moved by who may write in it
    place.rename(trash / parsed.version)
    current = place.parent / CURRENT
    if current.exists() and current.read_text().strip() == parsed.version:
        current.unlink()
    fsync_folder(trash)
    fsync_folder(place.parent)


def put_back(root: Path, path: PurePosixPath) -> None:
    """Undo `move_to_trash`."""
    parsed = parse_product_path(path)
    place = root / path
    (trash_folder(root, parsed.user) / parsed.version).rename(place)
    place.chmod(stat.S_IMODE(place.stat().st_mode) & ~stat.S_IWUSR)
    fsync_folder(place.parent)


def in_trash(root: Path, user: str) -> list[str]:
    """Versions in somebody's trash."""
    try:
        return sorted(entry.name for entry in trash_folder(root, user).iterdir() if is_version(entry.name))
    except FileNotFoundError:
        return []


def empty_trash(root: Path, user: str, version: str) -> None:
    """Delete a version that lies in the trash."""
    folder = trash_folder(root, user) / version
    unlock(folder)
    shutil.rmtree(folder)
