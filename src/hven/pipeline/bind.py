"""Bind the steps of a pipeline to tasks and dataset types, and check that they fit."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from hven.core.errors import ConfigurationError, HvenError, UnknownNameError
from hven.core.invalid import problems_of
from hven.model.data_id import TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline, Step
from hven.model.task import Config, Output, Slot, Task
from hven.model.variable import Variable


@dataclass(frozen=True, slots=True)
class BoundStep:
    """A step whose task, config and dataset types are known and fit.

    Parameters
    ----------
    name
        Name in the pipeline.
    task_name
        Task as the pipeline names it; workers find it by this.
    task, config
        Record and validated configuration.
    inputs
        Dataset types of each bound slot, in the order in which they are looked for.
    outputs
        Dataset type of each output.
    """

    name: str
    task_name: str
    task: Task
    config: Config
    inputs: Mapping[str, tuple[DatasetType, ...]]
    outputs: Mapping[str, DatasetType]


@lru_cache
def find_task(name: str) -> Task:
    """Task by name: ``science.verb_noun`` of `hven.tasks`, or ``package.module:NAME`` of a plug-in.

    Raises
    ------
    ConfigurationError
        When there is none.
    """
    module, _, attribute = name.partition(":") if ":" in name else (f"hven.tasks.{name}", "", "TASK")
    try:
        task = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"unknown task {name!r}: {error}") from error
    if not isinstance(task, Task):
        raise ConfigurationError(f"{name!r} is not a task")
    return task


def bind(
    pipeline: Pipeline, instrument: Instrument, config: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[BoundStep, ...]:
    """Bind all steps, in an order in which inputs come before what uses them.

    Parameters
    ----------
    pipeline
        As loaded.
    instrument
        Declares the dataset types.
    config
        Values that replace the pipeline's, by step name or by task name.

    Raises
    ------
    ConfigurationError
        Names pipeline, step and slot of what does not fit.
    """
    changes = config or {}
    known = {*pipeline.steps, *(s.task for s in pipeline.steps.values())}
    for name in changes:
        if name not in known:
            raise UnknownNameError(f"step of {pipeline.name}", name, known)
    types = {t.type_name: t for t in instrument.dataset_types}
    bound = []
    for name, step in pipeline.steps.items():
        values = {**step.config, **changes.get(step.task, {}), **changes.get(name, {})}
        try:
            bound.append(_bind_step(name, step, values, types))
        except HvenError as error:
            raise ConfigurationError(f"{pipeline.name}, step {name}: {error.message}", hint=error.hint) from error
    return _ordered(pipeline.name, bound)


def _bind_step(name: str, step: Step, values: Mapping[str, Any], types: Mapping[TypeName, DatasetType]) -> BoundStep:
    task = find_task(step.task)
    for slot in step.inputs:
        _known("slot", slot, (s.name for s in task.inputs))
    for output in step.outputs:
        _known("output", output, (o.name for o in task.outputs))
    inputs = {s.name: _bind_slot(s, task, step, types) for s in task.inputs if s.name in step.inputs or not s.optional}
    outputs = {o.name: _bind_output(o, task, step, types) for o in task.outputs}
    return BoundStep(name, step.task, task, _config(task, values), inputs, outputs)


def _known(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        raise UnknownNameError(what, name, names)


def _config(task: Task, values: Mapping[str, Any]) -> Config:
    try:
        return task.config.model_validate(values)
    except ValidationError as error:
        problems = problems_of(error, task.config, "option")
        hint = problems.hint or f"It has: {', '.join(task.config.model_fields)}."
        raise ConfigurationError(f"config of {task.name}: {problems.text}", hint=hint) from None


def _bind_slot(slot: Slot, task: Task, step: Step, types: Mapping[TypeName, DatasetType]) -> tuple[DatasetType, ...]:
    if slot.name not in step.inputs:
        raise ConfigurationError(f"slot {slot.name} is not bound")
    names = step.inputs[slot.name]
    found = tuple(_type(name, types) for name in ((names,) if isinstance(names, str) else names))
    for dataset_type in found:
        problems = list(_uncovered(slot.variables, dataset_type))
        if not slot.multiple and not set(dataset_type.keys) <= set(task.dimensions):
            problems.append(f"keys {dataset_type.keys} go beyond the task's {task.dimensions}")
        if problems:
            raise ConfigurationError(f"slot {slot.name}: {dataset_type.type_name}: {'; '.join(problems)}")
    return found


def _bind_output(output: Output, task: Task, step: Step, types: Mapping[TypeName, DatasetType]) -> DatasetType:
    if output.name not in step.outputs:
        raise ConfigurationError(f"output {output.name} is not bound")
    dataset_type = _type(step.outputs[output.name], types)
    made = {v.name: v for v in output.variables}
    problems = [f"{v.name} is not made" for v in dataset_type.variables if v.name not in made and not v.optional]
    problems += [p for v in dataset_type.variables if v.name in made for p in v.differences(made[v.name])]
    if dataset_type.row_dim != output.dim:
        problems.append(f"row dim {dataset_type.row_dim}, made along {output.dim}")
    if set(dataset_type.keys) != set(task.dimensions):
        problems.append(f"keys {dataset_type.keys} are not the task's dimensions {task.dimensions}")
    if task.block and task.block.every_s and task.block.dim == output.dim and dataset_type.form == "array":
        problems.append("blocks of a time grid are not whole shards, so they cannot make rows of an array")
    if problems:
        raise ConfigurationError(f"output {output.name}: {dataset_type.type_name}: {'; '.join(problems)}")
    return dataset_type


def _type(text: str, types: Mapping[TypeName, DatasetType]) -> DatasetType:
    name = TypeName.parse(text)
    if name not in types:
        raise UnknownNameError("dataset type", text, types)
    return types[name]


def _uncovered(needed: tuple[Variable, ...], dataset_type: DatasetType) -> Iterator[str]:
    held = {v.name: v for v in dataset_type.variables}
    for variable in needed:
        if variable.name in held:
            yield from variable.differences(held[variable.name])
        elif not variable.optional:
            yield f"{variable.name} is missing"


def _ordered(pipeline: str, steps: list[BoundStep]) -> tuple[BoundStep, ...]:
    """Stable topological order by the types that steps make and use."""
    waiting, ordered = list(steps), []
    _refuse_two_makers(pipeline, steps)
    while waiting:
        unmade = {t.type_name for s in waiting for t in s.outputs.values()}
        ready = [s for s in waiting if not unmade & {t.type_name for slot in s.inputs.values() for t in slot}]
        if not ready:
            raise ConfigurationError(f"{pipeline}: steps {', '.join(s.name for s in waiting)} wait for each other")
        ordered += ready
        waiting = [s for s in waiting if s not in ready]
    return tuple(ordered)


def _refuse_two_makers(pipeline: str, steps: list[BoundStep]) -> None:
    makers: dict[TypeName, str] = {}
    for step in steps:
        for dataset_type in step.outputs.values():
            other = makers.setdefault(dataset_type.type_name, step.name)
            if other != step.name:
                raise ConfigurationError(
                    f"{pipeline}: steps {other} and {step.name} both make {dataset_type.type_name}"
                )
