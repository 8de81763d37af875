"""Which levels the pipelines of an instrument make of each kind of raw data."""

from __future__ import annotations

from functools import lru_cache

from hven.model.data_id import Level, TypeName
from hven.model.instrument import Instrument
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline, pipeline_names


def levels_above(instrument: Instrument, dataset_type: str) -> tuple[str, ...]:
    """Levels above L0 at which something is made of an L0 type, in order; calibrations made of it do not count."""
    return _levels(instrument.name, _steps(instrument)).get(dataset_type, ())


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


@lru_cache(maxsize=16)
def _levels(_instrument: str, steps: _Steps) -> dict[str, tuple[str, ...]]:
    raw = {t for inputs, _ in steps for t in inputs if t.level == Level.L0}
    return {t.name: tuple(sorted({str(made.level) for made in _made_of(t, steps)} - {str(Level.L0)})) for t in raw}


def _made_of(start: TypeName, steps: _Steps) -> set[TypeName]:
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        for inputs, outputs in steps:
            if reached.intersection(inputs):
                reached.update(outputs)
    return reached
