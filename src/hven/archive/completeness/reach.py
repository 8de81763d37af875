"""Which levels the pipelines of an instrument make of each kind of raw data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hven.model.data_id import Level, TypeName
from hven.model.instrument import Instrument
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline, pipeline_names


def levels_of(instrument: Instrument, flags: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """By L0 type, levels above at which anything is made of each observation of it, in order.

    What it only calibrates does not count, nor what is only a step to what is not of one observation, like the
    pedestals of a dark map.

    Parameters
    ----------
    instrument
        Whose pipelines are looked at.
    flags
        Of the dataset: slots that refuse one of them do not take it.
    """
    steps = _steps(instrument, flags)
    raw = {t.type_name for t in instrument.dataset_types if t.level == Level.L0}
    keys = {t.type_name: t.keys for t in instrument.dataset_types}
    counted = _counted({t for t, own in keys.items() if "observation" in own}, _steps(instrument))
    return {t.name: tuple(sorted({str(m.level) for m in _made_of(t, steps) & counted} - {str(Level.L0)})) for t in raw}


@dataclass(frozen=True, slots=True)
class _Step:
    """Inputs and outputs of a step, calibrations left out."""

    inputs: tuple[TypeName, ...]
    outputs: tuple[TypeName, ...]


def _steps(instrument: Instrument, flags: Collection[str] = ()) -> tuple[_Step, ...]:
    found = []
    for name in pipeline_names(instrument):
        for step in bind(load_pipeline(instrument, name), instrument):
            slots = [s for s in step.task.inputs if not s.calibration and s.name in step.inputs]
            taken = [(s, t) for s in slots for t in step.inputs[s.name] if t.level != Level.L0 or s.takes(flags)]
            inputs = tuple(t.type_name for _, t in taken)
            found.append(_Step(inputs, tuple(t.type_name for t in step.outputs.values())))
    return tuple(found)


def _counted(of_observations: set[TypeName], steps: tuple[_Step, ...]) -> set[TypeName]:
    """Types of one observation that are an end in themselves, or lead to such a one."""
    used = {t for step in steps for t in step.inputs}
    found, before = of_observations - used, -1
    while len(found) > before:
        before = len(found)
        found |= {t for step in steps if found.intersection(step.outputs) for t in step.inputs if t in of_observations}
    return found


def _made_of(start: TypeName, steps: tuple[_Step, ...]) -> set[TypeName]:
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        for step in steps:
            if reached.intersection(step.inputs):
                reached.update(step.outputs)
    return reached
