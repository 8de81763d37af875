"""Cut a step's data into groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hven import instruments
from hven.batch.campaigns.model import Group, State
from hven.batch.campaigns.names import group_names
from hven.batch.campaigns.spec import CampaignSpec, DataSpec, StepSpec
from hven.model.data_id import DataId, TypeName
from hven.model.query import DataQuery
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline
from hven.registry.protocol import Registry

ALL = "all"
"""Name of the one group of a step that is not cut."""


def groups_of(spec: CampaignSpec, step: StepSpec, registry: Registry, collection: str) -> list[Group]:
    """Groups of a step, in order of their values.

    Parameters
    ----------
    spec, step
        The campaign, and one of its steps.
    registry
        Knows what there is.
    collection
        Where the step looks for its inputs.

    Raises
    ------
    ConfigurationError
        When the pipeline does not exist or the config does not fit it.
    """
    data = spec.data.and_also(step.data)
    if step.groups:
        return [_group(name, data.and_also(own)) for name, own in step.groups.items()]
    if not step.group_by:
        _input_types(spec, step)
        return [_group(ALL, data)]
    found = _combinations(spec, step, registry, collection, data)
    names = group_names(tuple(ids.values()) for ids in found)
    return [_group(names[tuple(i.values())], data.and_also(DataSpec(values=_singles(i)))) for i in found]


def _group(name: str, data: DataSpec) -> Group:
    values = {key: list(allowed) for key, allowed in data.values.items()}
    return Group(name=name, state=State.READY, values=values, where=data.where)


def _singles(data_id: Mapping[str, Any]) -> dict[str, Any]:
    return {key: (value,) for key, value in data_id.items()}


def _combinations(
    spec: CampaignSpec, step: StepSpec, registry: Registry, collection: str, data: DataSpec
) -> list[DataId]:
    """Combinations of the values of the keys by which a step is cut, as its inputs have them."""
    query = DataQuery({"instrument": (spec.instrument,), **data.values}, data.where)
    found: set[DataId] = set()
    for type_name in _input_types(spec, step):
        ids = (product.ref.data_id for product in registry.find(type_name, query, collection=collection))
        found |= {data_id.subset(step.group_by) for data_id in ids if set(step.group_by) <= set(data_id)}
    return sorted(found, key=DataId.sort_key)


def _input_types(spec: CampaignSpec, step: StepSpec) -> list[TypeName]:
    """Dataset types that a step's pipeline takes and does not make; calibrations are not its data."""
    instrument = instruments.load(spec.instrument)
    bound = bind(load_pipeline(instrument, step.pipeline), instrument, step.config)
    made = {output.type_name for one in bound for output in one.outputs.values()}
    taken = {
        dataset_type.type_name
        for one in bound
        for slot in one.task.inputs
        if not slot.calibration
        for dataset_type in one.inputs.get(slot.name, ())
    }
    return sorted(taken - made, key=str)
