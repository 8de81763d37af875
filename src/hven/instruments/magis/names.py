"""Names of series folders and of their files of drops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from hven.core.clock import NS, format_utc, parse_utc
from hven.core.errors import ConfigurationError

CONTAINERS = {".drops": "drops", ".tif": "tiff", ".tiff": "tiff", ".h5": "hdf5"}
"""Module of `hven.instruments.magis.files` that knows the container, by the file's suffix."""

_SERIES = re.compile(r"(?P<name>[A-Za-z0-9_+-]+)\.(?P<time>\d{8}T\d{6}Z)\.series")
_FILE = re.compile(r"(?P<shown>camera|shadow)_(?P<camera>\d{1,5})\.(?P<sequence>\d{1,9})\.(drops|tif|tiff|h5)")
_TYPES = {"camera": "magis.images", "shadow": "magis.shadows"}


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What the name of a series folder says; `start_ns` is UTC."""

    name: str
    start_ns: int

    @property
    def observation(self) -> str:
        """Name of the observation, unique for the instrument."""
        stamp = format_utc(self.start_ns // NS * NS).replace("-", "").replace(":", "")
        return f"{self.name}.{stamp}"

    def __str__(self) -> str:
        """Name of the folder."""
        return f"{self.observation}.series"


def parse_series_name(name: str) -> SeriesName | None:
    """Read a folder's name; None if it is none of a series, or names a time that is none.

    Examples
    --------
    >>> parse_series_name("gradiometer.20261105T031500Z.series").observation
    'gradiometer.20261105T031500Z'
    """
    match = _SERIES.fullmatch(name)
    if not match:
        return None
    t = match["time"]
    iso = f"{t[:4]}-{t[4:6]}-{t[6:8]}T{t[9:11]}:{t[11:13]}:{t[13:15]}Z"
    try:
        return SeriesName(match["name"], parse_utc(iso))
    except ConfigurationError:
        return None


class FileName(NamedTuple):
    """What the name of a file of drops says."""

    dataset_type: str
    camera: int
    sequence: int


def parse_file_name(name: str) -> FileName | None:
    """Dataset type, camera and number in the sequence; None if it is no file of drops.

    Examples
    --------
    >>> tuple(parse_file_name("camera_2.0013.drops"))
    ('magis.images', 2, 13)
    >>> parse_file_name("shadow_1.0002.tif").dataset_type
    'magis.shadows'
    """
    match = _FILE.fullmatch(name)
    return FileName(_TYPES[match["shown"]], int(match["camera"]), int(match["sequence"])) if match else None
