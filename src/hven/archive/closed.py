"""What the archive cannot read: named with what mends it, because nothing else would tell that it is missing."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path


def closed_folders(path: Path) -> Iterator[Path]:
    """Folders at and below a path that this account cannot list or enter; links and hidden ones are passed over."""
    if path.is_dir() and not _is_open(path):
        yield path
        return
    for base, names, _ in path.walk():
        folders = [base / name for name in names if not name.startswith(".")]
        names[:] = [folder.name for folder in folders if _is_open(folder)]
        yield from (folder for folder in folders if folder.name not in names)


def why_closed(path: Path) -> str:
    """Why something that is closed was not taken in, and what mends it."""
    account = pwd.getpwuid(os.geteuid()).pw_name
    return (
        f"{account} cannot read it; `setfacl -R -m u:{account}:rX {path}` as its owner lets it in. "
        "Deliver with rsync -rt, which leaves the rights of incoming/ as they are"
    )


def _is_open(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)
