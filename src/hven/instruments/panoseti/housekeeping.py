"""The format of housekeeping files `hk.pff`: one JSON object per reading of a device, ended by an empty line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import FormatError
from hven.instruments.panoseti.raw_types import HOUSEKEEPING
from hven.model.instrument import Inspection

_END = b"\n\n"
_RECORD = re.compile(r'\{"([^"\\]+)": (\{.*\})\}', re.DOTALL)
_SECONDS = re.compile(r"(\d{1,10})(?:\.(\d*))?")
_LATEST_S = 2**63 // 10**9 - 1  # what nanoseconds in 64 bits can hold


@dataclass(frozen=True, slots=True)
class Record:
    """One reading: UTC ns, device, and the JSON object with its fields, as recorded."""

    time_ns: int
    device: str
    fields: str


@dataclass(frozen=True, slots=True)
class HousekeepingFormat:
    """Reads and writes housekeeping files; see `hven.model.instrument.Format`."""

    def inspect(self, paths: Sequence[Path]) -> Inspection:
        """Check every record."""
        files = [_records(path) for path in paths]
        begins = np.cumsum([0, *(len(records) for records, _ in files)]).tolist()
        return Inspection(begins[-1], tuple(begins[:-1]), tuple(tail for _, tail in files))

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        """Records `[start, stop)` as recorded."""
        rows = [record for path in paths for record in _records(path)[0]][start:stop]
        columns: dict[str, Any] = {
            "time": np.array([r.time_ns for r in rows], "datetime64[ns]"),
            "device": np.array([r.device for r in rows], object),
            "fields": np.array([r.fields for r in rows], object),
        }
        variables = {v.name: (v.dims, columns[v.name], v.attrs) for v in HOUSEKEEPING.variables}
        time = variables.pop("time")
        return xr.Dataset(variables, {"time": (time[0], time[1], {**time[2], "scale": "utc"})})

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        """Name of instrument and observatory."""
        del paths
        name = (configurations.get("obs_config.json") or {}).get("name")
        return {"Conventions": "CF-1.11", "instrument": "PANOSETI", **({"observatory": name} if name else {})}

    def encode(self, dataset: xr.Dataset) -> Iterator[bytes]:
        """Give the raw bytes back, record after record."""
        for device, fields in zip(dataset["device"].values, dataset["fields"].values, strict=True):
            yield f'{{"{device}": {fields}}}\n\n'.encode()


def _records(path: Path) -> tuple[tuple[Record, ...], int]:
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, _size: int, _mtime_ns: int) -> tuple[tuple[Record, ...], int]:
    *whole, tail = path.read_bytes().split(_END)
    offset, records = 0, []
    for number, raw in enumerate(whole):
        records.append(_parse(path, raw, number, offset))
        offset += len(raw) + len(_END)
    return tuple(records), len(tail)


def _parse(path: Path, raw: bytes, number: int, offset: int) -> Record:
    try:
        text = raw.decode()
        ((device, fields),) = json.loads(text).items()
        seconds = _SECONDS.fullmatch(fields["Computer_UTC"])
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        problem = f"no housekeeping record with Computer_UTC ({error or type(error).__name__})"
        raise FormatError(path, problem, frame=number, offset=offset) from None
    match = _RECORD.fullmatch(text)
    if not seconds or not match or match[1] != device:
        raise FormatError(path, "housekeeping record in an unknown form", frame=number, offset=offset)
    if int(seconds[1]) > _LATEST_S:
        raise FormatError(path, f"Computer_UTC {seconds[0]} is no time", frame=number, offset=offset)
    nanoseconds = int(seconds[1]) * 1_000_000_000 + int(f"{seconds[2] or '':0<9}"[:9])
    return Record(nanoseconds, device, match[2])
