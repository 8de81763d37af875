"""Finds series of drops: folders with files of each camera."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from hven.instruments.magis.names import CONTAINERS, parse_file_name, parse_series_name
from hven.instruments.magis.series import CONFIGURATION
from hven.model.data_id import DataId
from hven.model.instrument import NamedFile, RawFile, RawObservation, Role

INSTRUMENT = "magis"
COMPLETE = "series_complete"


def recognise(path: Path) -> Iterator[RawObservation]:
    """Series below a path, in order of name.

    Parameters
    ----------
    path
        A series folder (`*.series`), a file in one, or a folder of series.
    """
    series = next((p for p in (path, *path.parents) if parse_series_name(p.name)), None)
    if series is not None:
        yield from (_series(series),) if series.is_dir() and os.access(series, os.R_OK | os.X_OK) else ()
    elif path.is_dir() and os.access(path, os.R_OK | os.X_OK):
        for child in sorted(p for p in path.iterdir() if not p.name.startswith(".")):
            if child.is_dir() and not child.is_symlink():
                yield from recognise(child)


def name_file(path: PurePath) -> NamedFile | None:
    """What a path says of a file in a series' folder; None where it lies in none."""
    series = parse_series_name(path.parent.name)
    return NamedFile(series.observation, series.start_ns, _file(Path(path))) if series else None


def _series(folder: Path) -> RawObservation:
    name = parse_series_name(folder.name)
    assert name is not None  # noqa: S101 - the caller has looked
    found = [p for p in folder.iterdir() if p.is_file() and not p.is_symlink() and not p.name.startswith(".")]
    files = sorted((_file(path) for path in found), key=lambda f: (f.dataset_type, f.data_id, f.sequence, f.name))
    complete = (folder / COMPLETE).exists()
    return RawObservation(INSTRUMENT, name.observation, name.start_ns, tuple(files), complete)


def _file(path: Path) -> RawFile:
    drops = parse_file_name(path.name)
    if drops:
        return RawFile(path, path.name, "data", drops.dataset_type, DataId(detector=drops.camera), drops.sequence)
    return RawFile(path, path.name, _role(path.name))


def _role(name: str) -> Role:
    if name == COMPLETE:
        return "sentinel"
    if Path(name).suffix in CONTAINERS:
        return "data"
    return "configuration" if name == CONFIGURATION else "log"
