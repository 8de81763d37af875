"""What happened to each file and product of an ingest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hven.core.errors import DataError, HvenError, InfrastructureError


class FileState(StrEnum):
    """How a file stands; no two ever look alike.

    `LATE`: it came after its night was sealed. `UNKNOWN`: it was named, and no instrument of the site wrote it.
    """

    ARCHIVED = "archived"
    KNOWN = "known"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    LATE = "late"
    UNKNOWN = "unknown"
    FAILED = "failed"


_BAD = (FileState.QUARANTINED, FileState.LATE, FileState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file: `reason` says why it waits, was refused or failed; `bytes` is its size."""

    path: str
    observation: str
    state: FileState
    bytes: int = 0
    sha256: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProductResult:
    """One L0 product: its id (empty where it failed), whether it was there before, why it failed, for which files."""

    dataset: str
    id: str = ""
    path: str = ""
    rows: int = 0
    reused: bool = False
    flags: tuple[str, ...] = ()
    error: str = ""
    files: tuple[str, ...] = ()


def told(error: Exception) -> str:
    """What an error says, with its kind where the words alone may not be enough.

    Examples
    --------
    >>> told(KeyError("day"))
    "KeyError: 'day'"
    """
    return str(error) if isinstance(error, HvenError | OSError) else f"{type(error).__name__}: {error}"


def words(error: Exception) -> dict[str, Any]:
    """What a log says of an error: where it happened as well, unless it is one of ours or the system's."""
    return {"error": told(error), **({} if isinstance(error, HvenError | OSError) else {"exc_info": error})}


@dataclass(slots=True)
class Report:
    """Everything one pass did."""

    files: list[FileResult] = field(default_factory=list)
    products: list[ProductResult] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take another report's results over."""
        self.files += other.files
        self.products += other.products
        self.errors += other.errors

    def count(self, state: FileState) -> int:
        """Files in a state."""
        return sum(f.state is state for f in self.files)

    @property
    def exit_code(self) -> int:
        """0 when all is well, 3 when data are bad, 7 when the machinery failed and trying again may help."""
        if self.errors or self.count(FileState.FAILED):
            return InfrastructureError.exit_code
        bad = any(f.state in _BAD for f in self.files) or any(p.error for p in self.products)
        return DataError.exit_code if bad else 0
