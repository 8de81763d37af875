"""Names of PANOSETI files and run directories, in every time style found in real ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hven.core.clock import format_utc, parse_utc
from hven.instruments.panoseti.products import PRODUCTS

_TIME = r"(?P<date>\d{4}-\d\d-\d\d)T(?P<hour>\d\d)[:_-](?P<minute>\d\d)[:_-](?P<second>\d\d)Z"
_RUN = re.compile(rf"(?:obs_)?(?P<name>.+?)\.start_{_TIME}\.runtype_(?P<type>[^.]+)\.pffd")
_FILE = re.compile(
    rf"(?:(?:obs_)?.+\.)?start_{_TIME}\.dp_(?P<product>{'|'.join(PRODUCTS)})\.bpp_(?P<bytes>[12])"
    r"(?:\.dome_\d+)?\.module_(?P<module>\d+)(?:\..+)?\.seqno_(?P<sequence>\d+)(?:\..+)?\.pff"
)


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
    """Read a directory's name; None if it is none of a run.

    Examples
    --------
    >>> parse_run_name("obs_Lick.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd").observation
    'Lick.20240725T043406Z'
    """
    match = _RUN.fullmatch(name)
    return RunName(match["name"], _start_ns(match), match["type"]) if match else None


def parse_file_name(name: str) -> FrameFileName | None:
    """Read a file's name; None if it is none of a file of frames.

    Examples
    --------
    >>> parse_file_name("start_2025-10-22T07-18-22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff").module
    254
    """
    match = _FILE.fullmatch(name)
    if not match:
        return None
    numbers = (int(match[k]) for k in ("bytes", "module", "sequence"))
    bytes_per_pixel, module, sequence = numbers
    return FrameFileName(_start_ns(match), match["product"], bytes_per_pixel, module, sequence)


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
