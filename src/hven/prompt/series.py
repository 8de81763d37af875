"""An observation that is being taken: its configurations, what has come of it, and what was made of that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hven.core.logging import get_logger
from hven.model.data_id import DataId, DatasetRef, Level, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import NamedFile
from hven.model.provenance import InputRecord
from hven.pipeline.bind import BoundStep
from hven.prompt.source import Delivery
from hven.prompt.spool import Stored
from hven.prompt.tables import LiveTable

if TYPE_CHECKING:
    import xarray as xr

_log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class Item:
    """A file on its way: `held` are its bytes in memory, `left` counts what is still to be done with it."""

    delivery: Delivery
    named: NamedFile
    held: int = 0
    left: int = 2
    stored: Stored | None = None

    @property
    def sequence(self) -> int:
        """Number of the file in its sequence."""
        return self.named.file.sequence


@dataclass(slots=True)
class Series:
    """One observation.

    Parameters
    ----------
    data_id
        Instrument, observing day and observation.
    configurations
        Its redacted configuration files by name, parsed.
    waiting
        Files that could not be analysed before a configuration had come.
    files
        Raw files that were analysed, by dataset.
    torn
        Datasets of which a file was cut.
    left
        What is still to be done with its files.
    ended, fresh
        Whether its sentinel has come; whether there are rows that were not published.
    """

    data_id: DataId
    configurations: dict[str, Any] = field(default_factory=dict)
    waiting: list[Item] = field(default_factory=list)
    tables: dict[tuple[TypeName, DataId], LiveTable] = field(default_factory=dict)
    files: dict[DataId, dict[str, Item]] = field(default_factory=dict)
    torn: set[DataId] = field(default_factory=set)
    left: int = 0
    ended: bool = False
    fresh: bool = False

    def dataset_id(self, item: Item) -> DataId:
        """Data ID of the dataset to which a file belongs."""
        return DataId({**self.data_id, **item.named.file.data_id})

    def configure(self, name: str, content: bytes) -> None:
        """Take a configuration in; one that is no JSON is left out, as in the archive."""
        try:
            self.configurations[name] = json.loads(content)
        except ValueError:
            _log.warning("a configuration file is no JSON", file=name, observation=self.data_id["observation"])

    def add(self, item: Item, step: BoundStep, dataset_type: DatasetType, rows: xr.Dataset) -> LiveTable:
        """Keep what a step has made of a file."""
        data_id = self.dataset_id(item)
        table = self.tables.setdefault((dataset_type.type_name, data_id), LiveTable(step, dataset_type, data_id))
        table.add(item.sequence, rows)
        self.files.setdefault(data_id, {})[item.named.file.name] = item
        self.fresh = True
        return table

    def inputs(self, data_id: DataId) -> Sequence[InputRecord]:
        """Raw files of a dataset, as its products name them."""
        return [_input(item, self.data_id) for _, item in sorted(self.files[data_id].items())]

    def stored(self) -> Iterator[tuple[DatasetRef, Stored]]:
        """Files that were analysed and are on the disk, with the raw dataset to which they belong."""
        for data_id, items in self.files.items():
            for item in items.values():
                if item.stored:
                    yield DatasetRef(TypeName(Level.L0, item.named.file.dataset_type), data_id), item.stored


def _input(item: Item, series: DataId) -> InputRecord:
    assert item.stored is not None  # noqa: S101 - a series is published when all has been stored
    file = item.named.file
    data_id = {"instrument": series["instrument"], "observation": series["observation"], **file.data_id}
    return InputRecord(
        slot=file.name, role="raw", dataset_type=file.dataset_type, data_id=data_id, id="", digest=item.stored.sha256
    )
