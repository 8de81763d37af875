"""Names of PANOSETI files and run directories, in every time style found in real ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from hven.core.clock import format_utc, parse_utc
from hven.core.errors import ConfigurationError, FormatError
from hven.instruments.panoseti.products import PRODUCTS

_TIME = r"(?P<date>\d{4}-\d\d-\d\d)T(?P<hour>\d\d)[:_-](?P<minute>\d\d)[:_-](?P<second>\d\d)Z"
_RUN = re.compile(rf"(?:obs_)?(?P<name>.+?)\.start_{_TIME}\.runtype_(?P<type>[^.]+)\.pffd")
_FILE = re.compile(
    rf"(?:(?:obs_)?.+\.)?start_{_TIME}\.dp_(?P<product>{'|'.join(PRODUCTS)})\.bpp_(?P<bytes>[12])"
    r"(?:\.dome_\d+)?\.module_(?P<module>\d+)(?:\..+)?\.seqno_(?P<sequence>\d+)(?:\..+)?\.pff"
)
_HIGHEST = 2**16 - 1


@dataclass(frozen=True, slots=True)
class RunName:
    """What the name of a run directory says; `start_ns` is UTC."""

    name: str
    start_ns: int
    run_type: str

    @property
    def observation(self) -> str:
        """Name of the observation, unique for the instrument."""
        return f"{self.name}.{compact(self.start_ns)}"

    def __str__(self) -> str:
        """Name of the directory."""
        return f"obs_{self.name}.start_{format_utc(self.start_ns)}.runtype_{self.run_type}.pffd"


@dataclass(frozen=True, slots=True)
class FrameFileName:
    """What the name of a file of frames says; `start_ns` is UTC."""

    start_ns: int
    product: str
    bytes_per_pixel: int
    module: int
    sequence: int

    def __str__(self) -> str:
        """Name of the file."""
        return (
            f"start_{format_utc(self.start_ns)}.dp_{self.product}.bpp_{self.bytes_per_pixel}"
            f".module_{self.module}.seqno_{self.sequence}.pff"
        )


def parse_run_name(name: str) -> RunName | None:
    """Read a directory's name; None if it is none of a run, or names a time that is none.

    Examples
    --------
    >>> parse_run_name("obs_Lick.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd").observation
    'Lick.20240725T043406Z'
    """
    match = _RUN.fullmatch(name)
    try:
        return RunName(match["name"], _start_ns(match), match["type"]) if match else None
    except ConfigurationError:
        return None


def parse_file_name(name: str) -> FrameFileName | None:
    """Read a file's name; None if it is none of a file of frames.

    Raises
    ------
    FormatError
        When it is one, with a time or number that cannot be.

    Examples
    --------
    >>> parse_file_name("start_2025-10-22T07-18-22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff").module
    254
    """
    match = _FILE.fullmatch(name)
    if not match:
        return None
    numbers = {k: int(match[k]) for k in ("bytes", "module", "sequence")}
    if too_high := [k for k, number in numbers.items() if number > _HIGHEST]:
        raise FormatError(Path(name), f"the {too_high[0]} number in the name is above {_HIGHEST}")
    try:
        start_ns = _start_ns(match)
    except ConfigurationError as error:
        raise FormatError(Path(name), f"in the name {error.message}") from None
    return FrameFileName(start_ns, match["product"], numbers["bytes"], numbers["module"], numbers["sequence"])


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """Name of a file in an observation, with its time in one style.

    Examples
    --------
    >>> canonical_name("start_2025-10-22T07_18_22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff")
    'start_2025-10-22T07:18:22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff'
    """
    path = PurePosixPath(name)
    try:
        frames = parse_file_name(path.name)
    except FormatError:
        return name
    return str(path.with_name(str(frames))) if frames else name


def compact(time_ns: int) -> str:
    """UTC time as it stands in names of observations.

    Examples
    --------
    >>> compact(0)
    '19700101T000000Z'
    """
    return format_utc(time_ns).replace("-", "").replace(":", "")


def _start_ns(match: re.Match[str]) -> int:
    return parse_utc(f"{match['date']}T{match['hour']}:{match['minute']}:{match['second']}Z")
