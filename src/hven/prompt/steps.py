"""The steps of a pipeline that can run on the rows of one file, as it comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hven.core.errors import ConfigurationError
from hven.model.data_id import DataId
from hven.model.dataset_type import DatasetType
from hven.model.task import Inputs
from hven.model.variable import check
from hven.pipeline.bind import BoundStep

if TYPE_CHECKING:
    import xarray as xr


@dataclass(slots=True)
class Steps:
    """Runs steps on the rows of a file and remembers the rows before them that a task wants to see (its halo).

    Parameters
    ----------
    steps
        In an order in which inputs come before what uses them; see `live_steps`.
    """

    steps: Sequence[BoundStep]
    _before: dict[tuple[str, str, DataId], xr.Dataset] = field(default_factory=dict)
    _rows: dict[tuple[str, DataId], int] = field(default_factory=lambda: defaultdict(int))

    def run(
        self, dataset_type: DatasetType, data_id: DataId, rows: xr.Dataset, *, pictures: bool
    ) -> Iterator[tuple[BoundStep, DatasetType, xr.Dataset]]:
        """What each step makes of the rows, as soon as it has been made.

        Parameters
        ----------
        dataset_type, data_id
            Of the rows.
        rows
            In memory.
        pictures
            Whether to run the steps, too, whose outputs are arrays: pictures to look at, not results.
        """
        made = {dataset_type.type_name: rows}
        for step in self.steps:
            wanted = {slot: next((made[t.type_name] for t in types if t.type_name in made), None)
                      for slot, types in step.inputs.items()}  # fmt: skip
            there = {slot: dataset for slot, dataset in wanted.items() if dataset is not None}
            if len(there) < len(wanted) or (_draws(step) and not pictures):
                continue
            for name, found in self._run(step, data_id, there).items():
                check(found, step.task.output(name).variables, what=f"output {name} of {step.task.name}")
                made[step.outputs[name].type_name] = found
                yield step, step.outputs[name], found

    def _run(self, step: BoundStep, data_id: DataId, slots: Mapping[str, xr.Dataset]) -> Mapping[str, xr.Dataset]:
        import xarray as xr

        task = step.task
        assert task.block is not None  # noqa: S101 - live_steps chooses only such
        dim, halo = task.block.dim, task.block.halo
        count = next(iter(slots.values())).sizes[dim]
        given: dict[str, Any] = dict(slots)
        before = 0
        for slot, rows in slots.items() if halo else ():
            key = (step.name, slot, data_id)
            known = self._before.get(key)
            before = known.sizes[dim] if known is not None else 0
            given[slot] = rows if known is None else xr.concat([known, rows], dim, combine_attrs="override")
            self._before[key] = given[slot].isel({dim: slice(-halo, None)})
        start = self._rows[step.name, data_id]
        self._rows[step.name, data_id] += count
        own = slice(before, before + count)
        return task.run(Inputs(given, dict.fromkeys(given, data_id), own, start), step.config)


def live_steps(steps: Sequence[BoundStep], raw: Sequence[DatasetType]) -> tuple[BoundStep, ...]:
    """The steps that need nothing but rows of raw datasets, and of what such steps make of them.

    Raises
    ------
    ConfigurationError
        When there are none.
    """
    known = {t.type_name: t.keys for t in raw}
    chosen = []
    for step in steps:
        needs = [next((t for t in types if t.type_name in known), None) for types in step.inputs.values()]
        block = step.task.block
        rows = block is not None and not block.every_s and all(t and t.row_dim == block.dim for t in needs)
        if rows and all(t and known[t.type_name] == step.task.dimensions for t in needs):
            chosen.append(step)
            known |= {t.type_name: t.keys for t in step.outputs.values()}
    if not chosen:
        raise ConfigurationError(
            "no step of this pipeline can run on one file alone",
            hint="Live steps take raw data in blocks of rows, or what such steps make.",
        )
    return tuple(chosen)


def _draws(step: BoundStep) -> bool:
    return all(t.form == "array" for t in step.outputs.values())
