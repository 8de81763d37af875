"""What a job would take, from what quanta of the same tasks took before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from hven.batch.model import Estimate
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.pipeline.bind import bind
from hven.pipeline.graph import Quantum, build_graph, waves
from hven.pipeline.identity import quantum_key
from hven.registry.protocol import Registry

RECENT = 200
"""Newest quanta of a task that are taken for its history."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile of some values."""

    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a quantum of a task takes, from `quanta` recorded ones."""

    quanta: int
    cpu_s: Spread
    wall_s: Spread
    peak_bytes: Spread
    output_bytes: Spread


def estimate(
    pipeline: Pipeline,
    *,
    instrument: Instrument,
    registry: Registry,
    query: DataQuery,
    config: Mapping[str, Mapping[str, Any]],
    cores: int,
    owner: str = "",
    collection: str = "",
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
    collection
        Where inputs are taken from; the defaults if empty.
    ahead
        Jobs that would run before.

    Returns
    -------
    Estimate
        Without numbers where a task to be run has never run before; its name is in `unknown`.
    """
    steps = bind(pipeline, instrument, config)
    wanted = DataQuery({"instrument": (instrument.name,), **query.values}, query.where)
    graph = build_graph(steps, registry, wanted, owner=owner, collection=collection)
    made = _made(graph, registry, owner)
    to_do = [q for q in graph if q.number not in made]
    costs = {name: cost_of(name, registry) for name in {q.step.task.name for q in to_do}}
    unknown = tuple(sorted(name for name, cost in costs.items() if cost is None))
    counted = Estimate(quanta=len(graph), done=len(made), ahead=ahead, unknown=unknown)
    if unknown:
        return counted
    known = {name: cost for name, cost in costs.items() if cost is not None}
    each = [known[q.step.task.name] for q in to_do]
    return counted.model_copy(update=_sums(each, cores) | {"history": sum(cost.quanta for cost in known.values())})


def _sums(each: Sequence[Cost], cores: int) -> dict[str, Any]:
    """Numbers of an estimate from the costs of its quanta."""
    core_minutes = sum(cost.cpu_s.median for cost in each) / 60
    core_minutes_high = sum(cost.cpu_s.high for cost in each) / 60
    return {
        "core_minutes": core_minutes,
        "core_minutes_high": core_minutes_high,
        "wall_minutes": core_minutes / cores,
        "wall_minutes_high": core_minutes_high / cores,
        "peak_bytes": round(max((cost.peak_bytes.high for cost in each), default=0)),
        "output_bytes": round(sum(cost.output_bytes.median for cost in each)),
        "output_bytes_high": round(sum(cost.output_bytes.high for cost in each)),
    }


def cost_of(task: str, registry: Registry) -> Cost | None:
    """What a quantum of a task takes; None where none is recorded yet.

    Records made before their sizes were recorded do not count.
    """
    records = [record for record in registry.history(task, limit=RECENT) if record.began_ns]
    if not records:
        return None
    return Cost(
        quanta=len(records),
        cpu_s=_spread(record.cpu_s for record in records),
        wall_s=_spread(record.wall_s for record in records),
        peak_bytes=_spread(record.peak_bytes for record in records),
        output_bytes=_spread(record.output_bytes for record in records),
    )


def _spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    return Spread(median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1])


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
