"""Run a task on datasets in memory the way the executor does: whole, or cut into blocks and joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from hven.model.dataset_type import DatasetType
from hven.model.task import Config, Inputs, Slot, Task
from hven.model.variable import check

_SECOND_NS = 1_000_000_000


def run_task(
    task: Task,
    datasets: Mapping[str, Any],
    data_ids: Mapping[str, Any],
    config: Config,
    *,
    length: int | None = None,
) -> dict[str, xr.Dataset]:
    """Outputs of a task.

    Parameters
    ----------
    task
        What to run.
    datasets
        In memory, by slot; a tuple for a `multiple` slot.
    data_ids
        Their data IDs, by slot.
    config
        Its configuration.
    length
        Rows to a block (whole cells where the task has a time grid); None runs it in one piece.
    """
    given = {name: _given(task.slot(name), d) for name, d in datasets.items()}
    if length is None or task.block is None:
        rows = given[task.inputs[0].name]
        own = slice(None) if isinstance(rows, tuple) else slice(0, rows.sizes.get(_dim(task), 0))
        parts = [task.run(Inputs(given, data_ids, own, 0), config)]
        if task.combine is None:
            return dict(parts[0])
    else:
        parts = [task.run(inputs, config) for inputs in _blocks(task, given, data_ids, config, length)]
    if task.combine is None:
        return {o.name: _joined([p[o.name] for p in parts], o.dim) for o in task.outputs}
    return _combined(task, parts, config)


def _combined(task: Task, parts: list[Mapping[str, xr.Dataset]], config: Config) -> dict[str, xr.Dataset]:
    """What `combine` makes; rows of its own come before those of the blocks."""
    dims = {o.name: o.dim for o in task.outputs}
    rest = {n: [p[n].drop_dims(d) if d in p[n].dims else p[n] for p in parts] for n, d in dims.items()}
    made = dict(task.combine(rest, config)) if task.combine else {}
    for name, dim in dims.items():
        names = [n for n, v in parts[0][name].variables.items() if dim in v.dims]
        pieces = [p[name][names] for p in parts]
        whole = xr.concat([made[name][names], *pieces] if dim in made[name].dims else pieces, dim)
        made[name] = made[name].drop_dims(dim, errors="ignore").assign(whole.variables)
    return made


def _dim(task: Task) -> str:
    return task.block.dim if task.block else "time"


def _given(slot: Slot, dataset: Any) -> Any:
    """Only what the slot declares, in its order."""
    if slot.multiple:
        return tuple(_given_one(slot, d) for d in dataset)
    return _given_one(slot, dataset)


def _given_one(slot: Slot, dataset: xr.Dataset) -> xr.Dataset:
    names = [v.name for v in slot.variables if v.name in dataset.variables]
    kept = dataset.drop_vars([n for n in dataset.variables if n not in names])
    return kept.isel(time=np.argsort(kept[slot.order].values, kind="stable")) if slot.order else kept


def _blocks(
    task: Task, given: Mapping[str, Any], data_ids: Mapping[str, Any], config: Config, length: int
) -> Iterator[Inputs]:
    dim, halo = _dim(task), task.block.halo if task.block else 0
    cut = [s.name for s in task.inputs if not s.whole and s.name in given and dim in given[s.name].dims]
    rows = given[cut[0]].sizes[dim]
    for begin, end in _edges(task, given[cut[0]], config, length):
        low, high = max(0, begin - halo), min(rows, end + halo)
        part = {n: d.isel({dim: slice(low, high)}) if n in cut else d for n, d in given.items()}
        yield Inputs(part, data_ids, slice(begin - low, end - low), begin)


def _edges(task: Task, dataset: xr.Dataset, config: Config, length: int) -> Iterator[tuple[int, int]]:
    rows = dataset.sizes[_dim(task)]
    edges = list(range(0, rows, length))
    if task.block and task.block.every_s:
        times = dataset["time"].values.astype("datetime64[ns]").astype(np.int64)
        cell = times // (getattr(config, task.block.every_s) * _SECOND_NS)
        starts = [0, *(np.flatnonzero(np.diff(cell)) + 1).tolist()]
        edges = [s for s, e in zip(starts, [*starts[1:], rows], strict=True) if any(s <= x < e for x in edges)]
    yield from zip(edges, [*edges[1:], rows], strict=True)


def _joined(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """Rows in order; what has not the dim must be the same from every block."""
    for part in parts[1:]:
        for name in (n for n in parts[0].variables if dim not in parts[0][n].dims):
            if not part[name].identical(parts[0][name]):
                raise AssertionError(f"{name} differs between blocks")
    return xr.concat(parts, dim, data_vars="minimal", coords="minimal", compat="override", join="override")


class TaskContract:
    """What every task must keep. Inherit, name the task and the types of its outputs, and give data in memory.

    Examples
    --------
    ::

        class TestContract(TaskContract):
            task = TASK
            types = {"counts": COUNTS}

            def datasets(self): ...
            def data_ids(self): ...
    """

    task: Task
    types: Mapping[str, DatasetType]

    def datasets(self) -> Mapping[str, Any]:
        """Datasets in memory, by slot."""
        raise NotImplementedError

    def data_ids(self) -> Mapping[str, Any]:
        """Their data IDs, by slot."""
        raise NotImplementedError

    def outputs(self, config: Config | None = None, *, length: int | None = None) -> dict[str, xr.Dataset]:
        """Outputs of the task."""
        return run_task(self.task, self.datasets(), self.data_ids(), config or self.task.config(), length=length)

    def test_outputs_are_as_declared(self) -> None:
        for name, dataset in self.outputs().items():
            check(dataset, self.task.output(name).variables, what=f"output {name} of {self.task.name}")
            assert set(dataset.variables) <= {v.name for v in self.types[name].variables}

    def test_blocks_of_any_length_give_the_same(self) -> None:
        whole = self.outputs()
        for length in (7, 64):
            for name, part in self.outputs(length=length).items():
                xr.testing.assert_identical(part, whole[name])

    def test_running_it_again_gives_the_same_and_leaves_its_inputs_alone(self) -> None:
        given = self.datasets()
        first = run_task(self.task, given, self.data_ids(), self.task.config())
        again = run_task(self.task, given, self.data_ids(), self.task.config())
        for name, dataset in first.items():
            xr.testing.assert_identical(again[name], dataset)
        for name, dataset in self.datasets().items():
            for mine, theirs in zip(_many(given[name]), _many(dataset), strict=True):
                xr.testing.assert_identical(mine, theirs)

    def test_unknown_options_are_refused(self) -> None:
        try:
            self.task.config.model_validate({"no_such_option": 1})
        except ValueError:
            return
        raise AssertionError(f"{self.task.config.__name__} takes any option; inherit hven.model.task.Config")


def _many(dataset: Any) -> tuple[xr.Dataset, ...]:
    return dataset if isinstance(dataset, tuple) else (dataset,)
