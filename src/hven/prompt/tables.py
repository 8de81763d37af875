"""Rows that live steps have made: shown as they grow, published when their series has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hven.core.clock import now_ns
from hven.model.data_id import DataId, DatasetRef
from hven.model.dataset_type import DatasetType
from hven.model.digest import digest_json
from hven.model.origin import with_run
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.pipeline.bind import BoundStep
from hven.pipeline.fold import fold
from hven.pipeline.identity import software
from hven.pipeline.work import Place
from hven.store.publish import stage
from hven.store.staging import make_part_file
from hven.store.version import new_version
from hven.store.write import write_dataset

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PROMPT = "prompt"
"""Flag of products that were made before their raw data had been archived."""


@dataclass(slots=True)
class LiveTable:
    """Rows of one dataset, by the file of which they were made.

    Parameters
    ----------
    step, dataset_type
        What makes them, and what they are.
    data_id
        Of the dataset.
    """

    step: BoundStep
    dataset_type: DatasetType
    data_id: DataId
    _parts: dict[int, xr.Dataset] = field(default_factory=dict)
    _shown: int = -1

    def add(self, sequence: int, rows: xr.Dataset) -> None:
        """Rows of the file of this number; they replace those that it had."""
        self._parts[sequence] = rows
        self._shown = min(self._shown, len(self._parts) - 1)

    def dataset(self) -> xr.Dataset:
        """All rows, in the order of the files; others may add some meanwhile."""
        now = dict(self._parts)
        parts = [{self._output: now[number]} for number in sorted(now)]
        return fold(self.step.task, self.step.config, parts)[self._output]

    def show(self, path: Path) -> None:
        """Write the rows where pages look for them, if there are new ones; nobody who adds some waits for the disk."""
        if self._shown == len(self._parts):
            return
        self._shown = len(self._parts)
        part, descriptor = make_part_file(path.parent, new_version())
        with open(descriptor, "wb", closefd=True) as file:  # noqa: PTH123 - a descriptor
            frame_of(self.dataset()).to_parquet(file, index=False)
            part.replace(path)

    @property
    def _output(self) -> str:
        return next(n for n, t in self.step.outputs.items() if t.type_name == self.dataset_type.type_name)

    def publish(self, place: Place, files: Sequence[InputRecord], flags: Sequence[str]) -> Product:
        """Publish all rows as a product made of these raw files."""
        ref, task = DatasetRef(self.dataset_type.type_name, self.data_id), self.step.task
        with stage(place.root, ref, user=place.owner, acl=place.acl) as staging:
            write_dataset(staging.path, self.dataset_type, with_run(self.dataset(), self.data_id))
            record = Provenance(
                id=staging.id,
                dataset_type=str(ref.type),
                schema_version=self.dataset_type.schema_version,
                data_id=dict(ref.data_id),
                run=place.run,
                task=task.name,
                task_version=task.version,
                config=self.step.config.model_dump(mode="json"),
                inputs=tuple(files),
                quantum_key=self.key(files),
                output=self._output,
                created_ns=now_ns(),
                user=place.user,
                site=place.site,
                software=software(),
                flags=tuple(sorted({PROMPT, *flags})),
                notes={"pipeline": place.pipeline, "step": self.step.name},
            )
            return staging.publish(record, self.dataset_type)

    def key(self, files: Sequence[InputRecord]) -> str:
        """What makes two such products the same: task, configuration, data ID, and the raw files' digests."""
        said: dict[str, Any] = {
            "task": self.step.task.name,
            "version": self.step.task.version,
            "config": self.step.config.model_dump(mode="json"),
            "data_id": dict(self.data_id),
            "raw": sorted(f.digest for f in files),
        }
        return digest_json(said)


def frame_of(rows: xr.Dataset) -> pd.DataFrame:
    """Rows as a pandas table, their times as columns like the others."""
    import pandas as pd

    return pd.DataFrame({str(name): column.to_numpy() for name, column in rows.variables.items()})
