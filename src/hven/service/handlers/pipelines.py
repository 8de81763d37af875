"""Pipelines: what can be run, and with which options."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hven.model.instrument import Instrument
from hven.pipeline.bind import BoundStep, bind
from hven.pipeline.load import load_pipeline, pipeline_names
from hven.service.handlers.parts import Place, Reader

router = APIRouter()


@router.get("/pipelines")
def find(obs: Place, _caller: Reader) -> list[dict[str, Any]]:
    """All pipelines of the observatory's instruments."""
    return [as_json(i, name) for i in obs.instruments.values() for name in pipeline_names(i)]


def as_json(instrument: Instrument, name: str) -> dict[str, Any]:
    """Pipeline as JSON: what it does, its steps, and the JSON schema and values of each step's config."""
    pipeline = load_pipeline(instrument, name)
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
