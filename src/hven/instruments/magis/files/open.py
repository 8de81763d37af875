"""Open a file of drops, whatever its container, on the disk or in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.instruments.magis.files.layout import Content, Layout
from hven.instruments.magis.names import CONTAINERS


@dataclass(frozen=True, slots=True)
class DropFile:
    """One file, looked through.

    Parameters
    ----------
    path
        Its name, also where it lies in memory.
    layout
        Where its images are.
    content
        Its bytes, where they are in memory.
    """

    path: Path
    layout: Layout
    content: Content | None = None

    @property
    def bare(self) -> bool:
        """Whether nothing but the images' own headers stands around their pixels."""
        return self.path.suffix == ".drops"

    def bytes(self) -> Content:
        """All of it; mapped where it lies on the disk."""
        return mapped(self.path) if self.content is None else self.content

    def pixels(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Images `[start, stop)`, dims (row, y, x)."""
        return self.layout.pixels(self.bytes(), start, stop)


def mapped(path: Path) -> Content:
    """Bytes of a file on the disk."""
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)


def open_file(path: Path) -> DropFile:
    """Look a file through; raises FormatError naming file, image and byte of what is wrong."""
    stat = path.stat()
    return _open(path, stat.st_mtime_ns, stat.st_size)


def open_content(path: Path, content: Any) -> DropFile:
    """The same for a file whose bytes are in memory, under the name it will have."""
    there = np.frombuffer(content, np.uint8)
    return DropFile(path, _scanner(path)(path, there), there)


@lru_cache(maxsize=4096)
def _open(path: Path, _changed_ns: int, _size: int) -> DropFile:
    return DropFile(path, _scanner(path)(path, mapped(path)))


def _scanner(path: Path) -> Callable[[Path, Content], Layout]:
    found = importlib.import_module(f"hven.instruments.magis.files.{CONTAINERS[path.suffix]}")
    return found.scan  # type: ignore[no-any-return]
