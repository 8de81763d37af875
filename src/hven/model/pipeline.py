"""What a pipeline file says."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """One task of a pipeline with its bindings.

    `inputs` and `outputs` bind the task's slots to dataset types written `L1/panoseti.ph1024`; a list binds the first
    of several types that exists. `config` overrides the task's defaults.
    """

    task: str = Field(description="Task, e.g. frames.measure_pedestals, or package.module:NAME from a plug-in.")
    inputs: dict[str, str | tuple[str, ...]] = Field(description="Dataset type of each slot.")
    outputs: dict[str, str] = Field(description="Dataset type of each output.")
    config: dict[str, Any] = Field(default={}, description="Values that differ from the task's defaults.")


class Pipeline(_Strict):
    """A named list of steps.

    Written as YAML. `include` names other pipelines of the same instrument whose steps come first; `repeat` makes one
    step per value, with ``{dp}`` in its text replaced, e.g. ``repeat: {dp: [img16, img8]}``. A subset names steps that
    can be run alone, as ``<instrument>/<pipeline>#<subset>``.
    """

    name: str = Field(description="<instrument>/<verb or noun>, with #<subset> where only that is to be run.")
    doc: str = Field(description="What it does, in one sentence.")
    instrument: str
    include: tuple[str, ...] = ()
    steps: dict[str, Step] = {}
    subsets: dict[str, tuple[str, ...]] = {}
