"""What a backup holds: the record in its `manifest.json`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from hven.core.errors import ChecksumError, ConfigurationError, DataError

MANIFEST = "manifest.json"
_PIECE = 1 << 20


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BackedUp(_Record):
    """One file."""

    size: int
    sha256: str


class Backup(_Record):
    """A backup.

    Parameters
    ----------
    made_ns
        When, UTC.
    site, day_obs_offset_hours
        Of the installation; a backup goes back to where it came from.
    tables
        Versions of the tables in `platform.sqlite`.
    rows
        How many each table holds.
    files
        By path below the folder.
    journal
        By path below the data root: as far as the journals went.
    """

    format: Literal[1] = 1
    made_ns: int
    hven: str
    site: str
    day_obs_offset_hours: float
    tables: dict[str, int]
    rows: dict[str, int]
    files: dict[str, BackedUp]
    journal: dict[str, BackedUp]


def measure(file: Path, size: int | None = None) -> BackedUp:
    """Size and digest of a file, or of its first `size` bytes."""
    total, left = hashlib.sha256(), file.stat().st_size if size is None else size
    read = 0
    with file.open("rb") as stream:
        while piece := stream.read(min(_PIECE, left - read)):
            total.update(piece)
            read += len(piece)
    return BackedUp(size=read, sha256=total.hexdigest())


def read_manifest(folder: Path) -> Backup:
    """Read a backup's record and check every file against it.

    Raises
    ------
    ConfigurationError
        Where there is no backup, or one of another format.
    ChecksumError
        When a file is not as it was written.
    """
    try:
        backup = Backup.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{folder} is no backup: {MANIFEST}: {error.strerror}") from None
    except ValidationError as error:
        raise DataError(f"{folder / MANIFEST} is not understood: {error.errors()[0]['msg']}") from None
    for name, expected in backup.files.items():
        file = folder / name
        if not file.is_file() or measure(file) != expected:
            raise ChecksumError(f"{file} is not as it was written", hint="Use another backup.")
    return backup
