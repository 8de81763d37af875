"""What a job would take, from what quanta of the same tasks took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from hven.batch.model import Estimate
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline
from hven.model.product import Product
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery
from hven.pipeline.bind import BoundStep, bind
from hven.pipeline.execute import waves
from hven.pipeline.graph import Quantum, build_graph
from hven.pipeline.identity import quantum_key
from hven.registry.protocol import Registry

RECENT = 200
"""Newest quanta of a task that are taken for its history."""

_RUNS = 10
"""Newest runs whose products' sizes are taken."""

_RAN = frozenset({QuantumState.DONE, QuantumState.PARTIAL})


@dataclass(frozen=True, slots=True)
class Cost:
    """Mean of what a quantum of a task took, and the most memory."""

    quanta: int
    cpu_s: float
    peak_bytes: int
    output_bytes: float


def estimate(
    pipeline: Pipeline,
    *,
    instrument: Instrument,
    registry: Registry,
    query: DataQuery,
    config: Mapping[str, Mapping[str, Any]],
    cores: int,
    owner: str = "",
    ahead: int = 0,
) -> Estimate:
    """Count the quanta of a pipeline over a query, and predict what those that must run will take.

    Parameters
    ----------
    pipeline, instrument, query, config
        As for `hven.pipeline.run.run_pipeline`.
    registry
        Knows what exists and what quanta took.
    cores
        Of the engine on which the job would run.
    owner
        Whose own run it would be, empty for a shared one.
    ahead
        Jobs that would run before.

    Returns
    -------
    Estimate
        Without numbers where a task to be run has never run before; its name is in `unknown`.
    """
    steps = bind(pipeline, instrument, config)
    wanted = DataQuery({"instrument": (instrument.name,), **query.values}, query.where)
    graph = build_graph(steps, registry, wanted, owner=owner)
    made = _made(graph, registry, owner)
    to_do = [q for q in graph if q.number not in made]
    costs = {q.step.task.name: _cost(q.step, registry) for q in {q.step.name: q for q in to_do}.values()}
    unknown = tuple(sorted(name for name, cost in costs.items() if cost is None))
    counted = Estimate(quanta=len(graph), done=len(made), ahead=ahead, unknown=unknown)
    if unknown:
        return counted
    known = {name: cost for name, cost in costs.items() if cost is not None}
    each = [known[q.step.task.name] for q in to_do]
    core_minutes = sum(cost.cpu_s for cost in each) / 60
    return counted.model_copy(
        update={
            "core_minutes": core_minutes,
            "wall_minutes": core_minutes / cores,
            "peak_bytes": max((cost.peak_bytes for cost in each), default=0),
            "output_bytes": round(sum(cost.output_bytes for cost in each)),
            "history": sum(cost.quanta for cost in known.values()),
        }
    )


def _made(graph: Sequence[Quantum], registry: Registry, owner: str) -> dict[int, list[Product]]:
    """Products of the quanta that have all their outputs."""
    made: dict[int, list[Product]] = {}
    for wave in waves(graph):
        keys = {q.number: quantum_key(q.step, q.data_id, _inputs(q, made)) for q in wave if q.depends <= made.keys()}
        known = registry.by_quantum(list(keys.values()), owner=owner)
        outputs = {q.number: q.step.outputs for q in wave}
        for number, key in keys.items():
            found = [known[key, name] for name in outputs[number] if (key, name) in known]
            if len(found) == len(outputs[number]):
                made[number] = found
    return made


def _inputs(quantum: Quantum, made: Mapping[int, Sequence[Product]]) -> dict[str, list[Product]]:
    return {
        slot: [
            product
            for ref, source in datasets
            for product in ([source] if isinstance(source, Product) else made[source])
            if product.ref.type == ref.type
        ]
        for slot, datasets in quantum.inputs.items()
    }


def _cost(step: BoundStep, registry: Registry) -> Cost | None:
    """Cost of one quantum of a task, or None where none has run yet."""
    types = [t.type_name for t in step.outputs.values()]
    records = [
        record
        for record in registry.quanta(output=str(types[0]))
        if record.task == step.task.name and record.state in _RAN and not record.reused
    ][:RECENT]
    if not records:
        return None
    runs = list(dict.fromkeys(record.run for record in records))[:_RUNS]
    sizes = [[p.size_bytes for run in runs for p in registry.find(name, collection=run)] for name in types]
    return Cost(
        quanta=len(records),
        cpu_s=fmean(record.cpu_s for record in records),
        peak_bytes=max(record.peak_bytes for record in records),
        output_bytes=sum(fmean(some) for some in sizes if some),
    )
