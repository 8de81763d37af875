"""Somebody's own product opened to a group: the product itself to read, the folders above it to pass only.

All of it is done with the owner's rights, by access control lists; no link is followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from hven.store.acl import get_acl, set_acl
from hven.store.paths import parse_product_path, user_root

_THROUGH = "--x"


def grant(root: Path, path: PurePosixPath, group: str) -> None:
    """Let a group read a version, and pass the folders that lead to it."""
    for folder in above(path):
        _allow(root / folder, group, _THROUGH)
    for place, is_folder in _inside(root / path):
        _allow(place, group, "r-x" if is_folder else "r--")


def withdraw(root: Path, path: PurePosixPath, group: str) -> None:
    """Take from a group what `grant` gave inside a version; its folder is the first, and closes the rest."""
    for place, _is_folder in _inside(root / path):
        _disallow(place, group)


def close(root: Path, folders: Iterable[PurePosixPath], group: str) -> None:
    """Let a group pass some folders no longer."""
    for folder in folders:
        if (root / folder).is_dir():
            _disallow(root / folder, group)


def above(path: PurePosixPath) -> list[PurePosixPath]:
    """Folders from somebody's own down to that of all versions of a dataset."""
    top = user_root(parse_product_path(path).user)
    return [folder for folder in reversed(path.parents) if folder.is_relative_to(top)]


def is_granted(place: Path, group: str) -> bool:
    """Whether a folder or file has an entry of a group."""
    return any(entry.startswith(f"g:{group}:") for entry in get_acl(place).split(","))


def _inside(folder: Path) -> Iterator[tuple[Path, bool]]:
    for base, folders, files in os.walk(folder):
        yield Path(base), True
        linked = [name for name in folders if Path(base, name).is_symlink()]
        yield from ((Path(base, name), False) for name in files if name not in linked and _is_plain(Path(base, name)))


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _allow(place: Path, group: str, bits: str) -> None:
    entries = _entries(place, group)
    mask = entries.get("m:", entries["g:"])  # without one, the group bits limit nobody else
    entries |= {f"g:{group}": bits, "m:": _union(mask, entries["g:"], bits)}
    _set(place, entries)


def _disallow(place: Path, group: str) -> None:
    if is_granted(place, group):
        _set(place, _entries(place, group))


def _entries(place: Path, without: str) -> dict[str, str]:
    """Entries of a list by whom they are for, but that of a group."""
    found = dict(entry.rsplit(":", 1) for entry in get_acl(place).split(","))
    found.pop(f"g:{without}", None)
    return found


def _union(*bits: str) -> str:
    return "".join(letter if any(letter in some for some in bits) else "-" for letter in "rwx")


def _set(place: Path, entries: dict[str, str]) -> None:
    acl = ",".join(f"{who}:{bits}" for who, bits in entries.items())
    if acl != get_acl(place):
        set_acl(place, acl)
