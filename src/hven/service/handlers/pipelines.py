"""Pipelines: what can be run, and with which options."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline
from hven.pipeline.bind import BoundStep, bind
from hven.pipeline.load import choices
from hven.service.handlers.parts import Place, Reader

router = APIRouter()


@router.get("/pipelines")
def find(obs: Place, _caller: Reader) -> list[dict[str, Any]]:
    """All pipelines of the observatory's instruments, and their subsets."""
    return [as_json(i, pipeline) for i in obs.instruments.values() for pipeline in choices(i).values()]


def as_json(instrument: Instrument, pipeline: Pipeline) -> dict[str, Any]:
    """Pipeline as JSON: what it does, its steps, and the JSON schema and values of each step's config."""
    steps = {step.name: _step(step) for step in bind(pipeline, instrument)}
    return {"name": pipeline.name, "doc": pipeline.doc, "instrument": pipeline.instrument, "steps": steps}


def _step(step: BoundStep) -> dict[str, Any]:
    return {
        "task": step.task.name,
        "version": step.task.version,
        "doc": step.task.doc,
        "inputs": {slot: [str(t.type_name) for t in types] for slot, types in step.inputs.items()},
        "outputs": {output: str(t.type_name) for output, t in step.outputs.items()},
        "config": step.config.model_dump(mode="json"),
        "schema": step.task.config.model_json_schema(),
    }
