"""What a campaign's YAML file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hven.batch.model import JobClass
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.yaml_file import read_yaml
from hven.model.data_id import KEYS, Value

NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$"
_Name = Annotated[str, Field(pattern=NAME)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSpec(_Strict):
    """Which data: allowed values of data ID keys, and a condition."""

    values: dict[str, tuple[Value, ...]] = {}
    where: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_value(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("values"), Mapping):
            return {**given, "values": {key: _tuple(value) for key, value in given["values"].items()}}
        return given

    @model_validator(mode="after")
    def _known(self) -> Self:
        for key in self.values:
            if key not in KEYS:
                raise ValueError(str(UnknownNameError("data ID key", key, KEYS)))
        return self

    def and_also(self, other: DataSpec) -> DataSpec:
        """Data that fit both.

        Examples
        --------
        >>> DataSpec(values={"day_obs": 20251021}, where="detector > 1").and_also(DataSpec(where="detector < 9")).where
        '(detector > 1) and (detector < 9)'
        """
        where = " and ".join(f"({one})" for one in (self.where, other.where) if one)
        return DataSpec(values={**self.values, **other.values}, where=where)


class QcGate(_Strict):
    """How good the step's products must be, by the thresholds of the instrument."""

    max_error: Annotated[float, Field(ge=0, le=1, description="Part of the judged metrics that may be `error`.")] = 0.0


class Acceptance(_Strict):
    """When a step whose jobs have ended is accepted without a person."""

    max_failed: Annotated[float, Field(ge=0, le=1, description="Part of the quanta that may fail or be blocked.")] = 0.0
    qc: Annotated[QcGate | None, Field(description="Quality gate; none if left out.")] = None


class StepSpec(_Strict):
    """One step of a campaign.

    Parameters
    ----------
    name
        Unique in the campaign.
    pipeline
        ``<instrument>/<pipeline>``, or a subset of it.
    data
        Narrows the campaign's own choice.
    group_by
        Data ID keys: one group for each combination of their values in the inputs.
    groups
        Instead of that, groups by name, each with its own choice of data. With neither the step is one group.
    inputs
        Collections that are searched after what former steps made; the campaign's if empty.
    config
        By step or task of the pipeline: values that differ from the pipeline's.
    accept
        Rule by which the step is accepted.
    breakpoint
        Wait for a person's review, however good it is.
    may_be_empty
        A step for which there are no data is accepted.
    """

    name: _Name
    pipeline: Annotated[str, Field(min_length=1)]
    data: DataSpec = DataSpec()
    group_by: tuple[str, ...] = ()
    groups: dict[_Name, DataSpec] = {}
    inputs: tuple[str, ...] = ()
    config: dict[str, dict[str, Any]] = {}
    job_class: JobClass | None = None
    accept: Acceptance = Acceptance()
    breakpoint: bool = False
    may_be_empty: bool = False

    @model_validator(mode="after")
    def _one_way_of_grouping(self) -> Self:
        if self.group_by and self.groups:
            raise ValueError("give group_by or groups, not both")
        for key in self.group_by:
            if key not in KEYS:
                raise ValueError(str(UnknownNameError("data ID key", key, KEYS)))
        return self


class CampaignSpec(_Strict):
    """A campaign.

    Parameters
    ----------
    name
        Unique for ever.
    instrument
        Whose data.
    data
        Which of them; steps may narrow it.
    inputs
        Collections in which steps look for what no former step made; the instrument's defaults if empty.
    job_class
        Of its jobs.
    late_after_h
        It is late when it has not ended so long after its start, hours.
    steps
        In order: each begins when the one before is accepted.

    Examples
    --------
    >>> CampaignSpec(name="c1", instrument="panoseti", steps=[{"name": "l1", "pipeline": "panoseti/calibrate"}]).home
    'panoseti/runs/c1'
    """

    name: _Name
    instrument: _Name
    doc: str = ""
    data: DataSpec = DataSpec()
    inputs: tuple[str, ...] = ()
    job_class: JobClass = JobClass.OFFLINE
    late_after_h: Annotated[float | None, Field(gt=0)] = None
    steps: Annotated[tuple[StepSpec, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("two steps have the same name")
        for step in self.steps:
            if step.pipeline.partition("/")[0] != self.instrument:
                raise ValueError(f"step {step.name}: {step.pipeline} is no pipeline of {self.instrument}")
        return self

    @property
    def home(self) -> str:
        """CHAINED collection of what its accepted steps made."""
        return f"{self.instrument}/runs/{self.name}"

    def step(self, name: str) -> StepSpec:
        """Step by name; raises UnknownNameError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise UnknownNameError(f"step of campaign {self.name}", name, [s.name for s in self.steps])


def parse_campaign(values: Any, *, origin: str) -> CampaignSpec:
    """Campaign from what YAML or JSON says; ConfigurationError names `origin` and the keys that are wrong."""
    try:
        return CampaignSpec.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{origin}: {problems}") from None


def read_campaign(file: Path) -> CampaignSpec:
    """Campaign of a YAML file; ConfigurationError where it cannot be read."""
    try:
        values = read_yaml(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not YAML: {error}") from None
    return parse_campaign(values, origin=str(file))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
