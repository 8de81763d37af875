"""The exposure log: what an instrument says it has taken, delivered beside the data, so that what is missing is known.

A file `<any name>.exposures.jsonl` with one line for each dataset of an exposure or run. It may grow during the night;
of several lines for the same dataset the last counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hven.core.errors import DataError
from hven.model.data_id import DataId, Value
from hven.model.instrument import Format, RawFile, RawObservation

SUFFIX = ".exposures.jsonl"


class AnnouncedFile(BaseModel):
    """A file as the instrument wrote it: name in the observation, bytes, sha256."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Announced(BaseModel):
    """One line: a dataset that the instrument has taken.

    Parameters
    ----------
    instrument, observation, start_ns
        As in `RawObservation`; the observing day follows from `start_ns`.
    dataset_type, data_id
        L0 dataset type, and keys beyond the observation's own, e.g. the detector.
    frames
        Whole frames or records.
    files
        Its files, where the instrument knows their digests.

    Examples
    --------
    >>> line = '{"instrument": "magis", "observation": "s", "start_ns": 0, "dataset_type": "magis.images", "frames": 3}'
    >>> Announced.model_validate_json(line).frames
    3
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str = Field(min_length=1)
    observation: str = Field(min_length=1)
    start_ns: int
    dataset_type: str = Field(min_length=1)
    data_id: dict[str, Value] = {}
    frames: int = Field(ge=0)
    files: tuple[AnnouncedFile, ...] = ()


def announce(
    observation: RawObservation, inspect: Callable[[str], Format], read: Callable[[Path], bytes]
) -> Iterator[Announced]:
    """What an instrument would announce of an observation that lies on its disk.

    Parameters
    ----------
    observation
        As it was recognised.
    inspect
        Gives the format of a dataset type.
    read
        Reads a file.
    """
    data = [f for f in observation.files if f.role == "data" and f.dataset_type]
    for (name, data_id), group in groupby(sorted(data, key=_order), key=lambda f: (f.dataset_type, f.data_id)):
        files = list(group)
        yield Announced(
            instrument=observation.instrument,
            observation=observation.observation,
            start_ns=observation.start_ns,
            dataset_type=name,
            data_id=dict(data_id),
            frames=inspect(name).inspect([f.path for f in files]).rows,
            files=tuple(_file(f, read(f.path)) for f in files),
        )


def encode(entries: Iterable[Announced]) -> str:
    """Lines of a log."""
    return "".join(f"{entry.model_dump_json()}\n" for entry in entries)


def parse(text: str, origin: object) -> list[Announced]:
    """Entries of a log; a last line without an end is still being written and left out.

    Raises
    ------
    DataError
        Names the line that is wrong.
    """
    entries = []
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), 1):
        try:
            entries.append(Announced.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise DataError(f"{origin}: line {number}: {where + ': ' if where else ''}{first['msg']}") from None
    return entries


def _order(file: RawFile) -> tuple[str, DataId, int, str]:
    return file.dataset_type, file.data_id, file.sequence, file.name


def _file(file: RawFile, content: bytes) -> AnnouncedFile:
    return AnnouncedFile(name=file.name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
