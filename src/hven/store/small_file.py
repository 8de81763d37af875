"""Small files that are replaced as a whole: `current`, manifests, heartbeats."""

from __future__ import annotations

import os
from pathlib import Path

from hven.store.staging import fsync_folder, make_part_file
from hven.store.version import new_version


def write_durably(target: Path, text: str) -> None:
    """Write a file that nobody looks at yet, to the disk itself; its name becomes durable with its folder."""
    with target.open("wb", buffering=0) as file:
        file.write(text.encode())
        os.fsync(file.fileno())


def replace_text(target: Path, text: str, *, durable: bool = True) -> None:
    """Give a file new content in one step: readers see the old or the new one, never a part."""
    part, descriptor = make_part_file(target.parent, new_version())
    try:
        os.write(descriptor, text.encode())
        if durable:
            os.fsync(descriptor)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    if durable:
        fsync_folder(target.parent)
