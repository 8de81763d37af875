"""What an instrument plug-in declares; found through the entry point group `hven.instruments`."""

from __future__ import annotations

from collections.abc import Buffer, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from hven.model.data_id import DataId
from hven.model.dataset_type import DatasetType

if TYPE_CHECKING:
    import xarray as xr

Role = Literal["data", "configuration", "log", "sentinel"]


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file of an observation as the instrument left it.

    Parameters
    ----------
    path
        Where it is.
    name
        Name in the archive, relative to the observation's `raw/`.
    role
        Data files are archived bit-exact; configurations and logs are archived redacted.
    dataset_type
        For a data file: name of the L0 dataset type it belongs to, e.g. ``panoseti.ph1024``.
    data_id
        For a data file: keys beyond the observation's own, e.g. the detector.
    sequence
        Number of the file in its sequence.
    origin
        For a file that was brought here for the time being: where it came from.
    problem
        What is wrong with it, as far as its name says; such a file is refused.
    """

    path: Path
    name: str
    role: Role
    dataset_type: str = ""
    data_id: DataId = field(default_factory=DataId)
    sequence: int = 0
    origin: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RawObservation:
    """The files of one observation.

    Parameters
    ----------
    instrument, observation
        Names; the observation's is unique for the instrument.
    start_ns
        Nominal begin, UTC nanoseconds, from which `day_obs` follows.
    files
        All files that belong to it.
    complete
        The instrument has said that nothing more will come.
    """

    instrument: str
    observation: str
    start_ns: int
    files: tuple[RawFile, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What a path says of a file: the observation, its nominal begin (UTC, ns), and the file."""

    observation: str
    start_ns: int
    file: RawFile


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a raw file sequence holds, found without decoding the pixels.

    Parameters
    ----------
    rows
        Whole frames or records in all files together.
    row_offsets
        Row at which each file begins, in file order.
    tail_bytes
        Bytes after the last whole frame of each file; not 0 means a cut file.
    """

    rows: int
    row_offsets: tuple[int, ...]
    tail_bytes: tuple[int, ...]

    @property
    def partial(self) -> bool:
        """Whether a file ends in the middle of a frame."""
        return any(self.tail_bytes)


class Format(Protocol):
    """Reads and writes one raw format; one per L0 dataset type. Every marker is checked.

    All methods raise `hven.core.errors.FormatError` naming file, frame and byte offset.
    """

    def inspect(self, paths: Sequence[Path]) -> Inspection:
        """Check every marker of a file sequence."""
        ...

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        """Rows `[start, stop)` of a file sequence as the L0 dataset type declares them, in native order."""
        ...

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the whole dataset: clock status, integration time, site, pointing and so on.

        `configurations` are the redacted configuration files of the observation by name, parsed. The words of `flags`
        become flags of the product: what all of its rows are, for instance ``dark``. Slots may refuse them.
        """
        ...

    def encode(self, dataset: xr.Dataset) -> Iterator[Buffer]:
        """Give the raw bytes of L0 rows back, exactly, frame after frame (tail bytes are not part of them)."""
        ...


@runtime_checkable
class MemoryFormat(Format, Protocol):
    """A format that also reads a file before it is on any disk: what live processing needs."""

    def decode(self, name: Path, content: Any, configurations: Mapping[str, Any]) -> tuple[xr.Dataset, int]:
        """All whole rows of a file's bytes, with the attributes of `attrs`, and the bytes after them.

        `name` is the one that the file will have.
        """
        ...


@dataclass(frozen=True, slots=True)
class Extension:
    """What a package adds to an instrument of another: dataset types, and a folder with `pipelines/*.yaml`."""

    instrument: str
    dataset_types: tuple[DatasetType, ...]
    resources: Path


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument plug-in.

    Parameters
    ----------
    name, title
        Lower-case name used in data IDs, and how people write it.
    dataset_types
        All levels.
    formats
        Format of each L0 dataset type, by name.
    recognise
        Finds the observations below a path (a file, a run directory or a folder of either); gives nothing for what is
        not this instrument's.
    redact
        Configuration or log bytes without secrets; called with the file's name.
    simulate
        Writes a night of run directories: ``simulate(folder, night=20251021, seed=1, scale=1.0) -> truth files``.
    resources
        Folder with `pipelines/*.yaml` and `thresholds.yaml`.
    detector_word
        What people call a detector, e.g. ``module``.
    keep_raw
        Whether data files are archived beside the L0 product that gives them back; else their digest is.
    name_file
        What a single file is, from its path alone; for live processing, which does not look through folders.
    canonical_name
        A file's name in one of the styles in which it has been written: names that agree in it are of one file.
    extensions
        Folders like `resources` of installed packages that add pipelines.
    """

    name: str
    title: str
    dataset_types: tuple[DatasetType, ...]
    formats: Mapping[str, Format]
    recognise: Callable[[Path], Iterator[RawObservation]]
    redact: Callable[[str, bytes], bytes]
    simulate: Callable[..., Any]
    resources: Path
    detector_word: str = "detector"
    keep_raw: bool = True
    name_file: Callable[[PurePath], NamedFile | None] | None = None
    canonical_name: Callable[[str], str] = str
    extensions: tuple[Path, ...] = ()
