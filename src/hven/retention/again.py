"""Whether a product can be made again, and by which command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hven.core.errors import DatasetNotFoundError, HvenError
from hven.model.collection import owner_of
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.provenance import InputRecord, Provenance
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline
from hven.registry.protocol import Registry
from hven.store.records import read_provenance

_OPTIONS = {"day_obs": "--day-obs", "observation": "--observation", "detector": "--detector"}

Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Again:
    """How a product is made again: `command`, or `reason` why it cannot be."""

    command: str = ""
    reason: str = ""


class Recipes:
    """Finds out how products can be made again.

    A product can be, when the task that made it is still there in the same version, and a run would meet the same
    inputs: shared ones must still be what is found by default, own ones are there or can themselves be made again by
    the same pipeline.

    Parameters
    ----------
    registry, root
        Where inputs are looked for.
    instruments
        By name, with their pipelines.
    """

    def __init__(self, registry: Registry, root: Path, instruments: Mapping[str, Instrument]) -> None:
        self._registry = registry
        self._root = root
        self._instruments = instruments
        self._steps: dict[str, Mapping[str, Any]] = {}

    def of(self, product: Product) -> Again:
        """How a product is made again."""
        if not product.quantum_key:
            return Again(reason="saved by hand")
        try:
            record = read_provenance(self._root / product.path)
            changes = self._changes(record)
        except _CannotError as problem:
            return Again(reason=str(problem))
        except (HvenError, OSError) as problem:
            return Again(reason=f"its record cannot be used: {problem}".splitlines()[0])
        return Again(_command(product, str(record.notes["pipeline"]), changes))

    def _changes(self, record: Provenance) -> Changes:
        """Options that differ from the pipeline's, for the step and for what it needs."""
        pipeline = str(record.notes.get("pipeline", ""))
        step = self._bound(pipeline).get(str(record.notes.get("step", "")))
        if step is None or step.task.name != record.task:
            raise _CannotError(f"{pipeline or 'no pipeline'} has no such step any more")
        if step.task.version != record.task_version:
            raise _CannotError(f"{record.task} {record.task_version} is now {step.task.version}")
        planned = step.config.model_dump(mode="json")
        changed = {name: value for name, value in record.config.items() if planned.get(name) != value}
        changes: Changes = {step.name: changed} if changed else {}
        for source in record.inputs:
            for name, values in self._of_input(source, pipeline).items():
                if changes.setdefault(name, values) != values:
                    raise _CannotError(f"its inputs were made with different options of {name}")
        return changes

    def _of_input(self, source: InputRecord, pipeline: str) -> Changes:
        if source.role == "raw":
            return {}
        try:
            found = self._registry.get(source.id)
        except DatasetNotFoundError:
            raise _CannotError(f"its input {source.dataset_type} {source.id} is gone") from None
        if not (self._root / found.path).is_dir():
            raise _CannotError(f"its input {source.dataset_type} {source.id} is gone")
        own = owner_of(found.run)
        if not own and source.role == "input":
            current = self._registry.find_one(found.ref)
            if current is None or current.digest != found.digest:
                raise _CannotError(f"its input {found.ref.type} has been made anew since")
        if not own or source.role != "input":
            return {}
        record = read_provenance(self._root / found.path)
        if record.notes.get("pipeline") != pipeline:
            raise _CannotError(f"its input {found.ref.type} comes from another pipeline of yours")
        return self._changes(record)

    def _bound(self, pipeline: str) -> Mapping[str, Any]:
        if pipeline not in self._steps:
            instrument = self._instruments.get(pipeline.partition("/")[0])
            if instrument is None:
                raise _CannotError("its pipeline is not known")
            self._steps[pipeline] = {s.name: s for s in bind(load_pipeline(instrument, pipeline), instrument)}
        return self._steps[pipeline]


class _CannotError(Exception):
    """Why a product cannot be made again."""


def _command(product: Product, pipeline: str, changes: Changes) -> str:
    data_id = product.ref.data_id
    words = ["hven", "process", pipeline] + ([] if owner_of(product.run) else ["--shared"])
    for key, option in _OPTIONS.items():
        if key in data_id:
            words += [option, str(data_id[key])]
    for step, values in changes.items():
        for name, value in values.items():
            words += ["--config", f"{step}:{name}={json.dumps(value)}"]
    return shlex.join(words)
