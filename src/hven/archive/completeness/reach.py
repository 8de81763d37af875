"""Which levels the pipelines of an instrument make of each kind of raw data."""

from __future__ import annotations

from hven.model.data_id import Level, TypeName
from hven.model.instrument import Instrument
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline, pipeline_names


def levels_of(instrument: Instrument) -> dict[str, tuple[str, ...]]:
    """By L0 type, levels above at which anything is made of it, in order; what it only calibrates does not count."""
    steps = _steps(instrument)
    raw = {t for inputs, _ in steps for t in inputs if t.level == Level.L0}
    return {t.name: tuple(sorted({str(made.level) for made in _made_of(t, steps)} - {str(Level.L0)})) for t in raw}


_Steps = tuple[tuple[tuple[TypeName, ...], tuple[TypeName, ...]], ...]


def _steps(instrument: Instrument) -> _Steps:
    """Inputs and outputs of every step."""
    found = []
    for name in pipeline_names(instrument):
        for step in bind(load_pipeline(instrument, name), instrument):
            slots = {s.name for s in step.task.inputs if not s.calibration}
            inputs = tuple(t.type_name for slot, types in step.inputs.items() if slot in slots for t in types)
            found.append((inputs, tuple(t.type_name for t in step.outputs.values())))
    return tuple(found)


def _made_of(start: TypeName, steps: _Steps) -> set[TypeName]:
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        for inputs, outputs in steps:
            if reached.intersection(inputs):
                reached.update(outputs)
    return reached
