"""The quantum graph: which task runs on which data ID, and what waits for what."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce

from hven.model.annotation import Annotation, bad, good
from hven.model.data_id import DataId, DatasetRef, TypeName, Value
from hven.model.dataset_type import DatasetType
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.model.task import Slot
from hven.pipeline.bind import BoundStep
from hven.pipeline.calibrations import Calibrations
from hven.registry.protocol import Registry

Source = Product | int
"""A product that exists, or the number of the quantum that will make it."""


@dataclass(frozen=True, slots=True)
class Quantum:
    """One task on one data ID.

    Parameters
    ----------
    number
        Place in the graph; what a quantum needs has a lower one.
    inputs
        Of each filled slot: datasets in order of data ID, with where they come from.
    depends
        Numbers of the quanta that make inputs.
    begin_ns
        Begin of its data, at which calibrations are looked up.
    missing
        Why it cannot run, empty if it can: a calibration that is not there.
    marks
        Of times that are marked bad; which of its data they concern is known when it begins.
    """

    number: int
    step: BoundStep
    data_id: DataId
    inputs: Mapping[str, tuple[tuple[DatasetRef, Source], ...]]
    depends: frozenset[int]
    begin_ns: int
    missing: str = ""
    marks: tuple[Annotation, ...] = ()


@dataclass(slots=True)
class _Shelf:
    """Datasets of one type by data ID."""

    sources: dict[DataId, Source] = field(default_factory=dict)
    below: dict[DataId, list[DataId]] = field(default_factory=dict)


def build_graph(
    steps: Iterable[BoundStep], registry: Registry, query: DataQuery, *, owner: str = "", collection: str = ""
) -> list[Quantum]:
    """One quantum for each data ID for which all required inputs exist or will be made; what is marked bad is left out.

    A dataset of which a part of the time is marked stays; its rows of that time are not handed over, unless a slot gets
    every row.

    Parameters
    ----------
    steps
        As `hven.pipeline.bind.bind` orders them.
    registry
        Knows what exists.
    query
        Chooses data IDs. A `multiple` slot gets all datasets below a chosen data ID, whatever the query says about
        the finer keys, so that a product never depends on how it was asked for.
    owner
        Whose run it is, empty for the observatory's. Somebody's own run takes calibrations first from itself, then from
        their collections `u/<owner>/...`, then from the observatory's; a shared one takes only what is certified.
    collection
        Where inputs are taken from, the instrument's defaults if empty. Where it leads to CALIBRATION collections,
        calibrations are taken from these alone.

    Returns
    -------
    list of Quantum
        In topological order.
    """
    builder = _Builder(registry, query, owner, collection)
    with _nothing_collected():
        for step in steps:
            builder.add(step)
    return builder.quanta


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Leave garbage alone: all of a graph is kept, and looking through it again and again takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Builder:
    def __init__(self, registry: Registry, query: DataQuery, owner: str, collection: str) -> None:
        self.registry = registry
        self.query = query
        self.owner = owner
        self.collection = collection
        self.quanta: list[Quantum] = []
        self._made: dict[TypeName, dict[DataId, int]] = {}
        self._found: dict[tuple[TypeName, tuple[tuple[str, tuple[Value, ...]], ...], str], list[Product]] = {}
        self._marks = bad(registry.annotations())
        self._timed = tuple(m for m in self._marks if (m.begin_ns, m.end_ns) != (None, None))
        self._calibrations = Calibrations(registry, owner, collection, self._marks)

    def add(self, step: BoundStep) -> None:
        slots = {s.name: s for s in step.task.inputs if s.name in step.inputs and not s.calibration}
        shelves = {n: [self._shelf(t, step, s) for t in step.inputs[n]] for n, s in slots.items()}
        for data_id in sorted(self._data_ids(step, slots), key=DataId.sort_key):
            inputs = {n: _pick(step.inputs[n], shelves[n], data_id, s) for n, s in slots.items()}
            if all(inputs[n] or s.optional for n, s in slots.items()) and any(inputs.values()):
                self._append(step, data_id, {n: v for n, v in inputs.items() if v})

    def _append(
        self, step: BoundStep, data_id: DataId, inputs: dict[str, tuple[tuple[DatasetRef, Source], ...]]
    ) -> None:
        sources = [source for slot in inputs.values() for _, source in slot]
        begin = min(s.begin_ns if isinstance(s, Product) else self.quanta[s].begin_ns for s in sources)
        missing = ""
        for slot in step.task.inputs:
            if slot.calibration and slot.name in step.inputs:
                found = self._calibration(step.inputs[slot.name], data_id, begin)
                if not isinstance(found, str):
                    inputs[slot.name] = (found,)
                elif not slot.optional:
                    missing = found
        number = len(self.quanta)
        depends = frozenset(s for slot in inputs.values() for _, s in slot if isinstance(s, int))
        self.quanta.append(Quantum(number, step, data_id, inputs, depends, begin, missing, self._timed))
        for dataset_type in step.outputs.values():
            self._made.setdefault(dataset_type.type_name, {})[data_id] = number

    def _data_ids(self, step: BoundStep, slots: Mapping[str, Slot]) -> set[DataId]:
        """Data IDs that the query chooses: those of all required slots that have all dimensions."""
        dimensions = set(step.task.dimensions)
        chosen: dict[str, set[DataId]] = {}
        for name in slots:
            for dataset_type in step.inputs[name]:
                if dimensions <= set(dataset_type.keys):
                    found = self._products(dataset_type, step, chosen_only=True)
                    ids = {p.ref.data_id.subset(step.task.dimensions) for p in found if slots[name].takes(p.flags)}
                    ids |= {i.subset(step.task.dimensions) for i in self._made.get(dataset_type.type_name, {})}
                    chosen.setdefault(name, set()).update(ids)
        required = [ids for name, ids in chosen.items() if not slots[name].optional]
        if required:
            return reduce(set.intersection, required)
        return set().union(*chosen.values())

    def _shelf(self, dataset_type: DatasetType, step: BoundStep, slot: Slot) -> _Shelf:
        found = self._products(dataset_type, step, chosen_only=_decides(step, slot, dataset_type))
        shelf = _Shelf({p.ref.data_id: p for p in found if slot.takes(p.flags)})
        shelf.sources.update(self._made.get(dataset_type.type_name, {}))
        if slot.multiple:
            for data_id in sorted(shelf.sources, key=DataId.sort_key):
                shelf.below.setdefault(data_id.subset(step.task.dimensions), []).append(data_id)
        return shelf

    def _products(self, dataset_type: DatasetType, step: BoundStep, *, chosen_only: bool) -> list[Product]:
        keys = tuple(k for k in dataset_type.keys if chosen_only or k in step.task.dimensions)
        values: dict[str, tuple[Value, ...]] = {k: v for k, v in self.query.values.items() if k in keys}
        query = DataQuery(values, self.query.where if chosen_only else "")
        key = (dataset_type.type_name, tuple(values.items()), query.where)
        if key not in self._found:
            found = self.registry.find(dataset_type.type_name, query, collection=self.collection)
            self._found[key] = good(self._marks, found)
        return self._found[key]

    def _calibration(
        self, types: tuple[DatasetType, ...], data_id: DataId, begin_ns: int
    ) -> tuple[DatasetRef, Source] | str:
        """Calibration of the first type that has one, or why there is none."""
        reasons = []
        for dataset_type in types:
            ref = DatasetRef(dataset_type.type_name, data_id.subset(dataset_type.keys))
            if self.owner and (number := self._made.get(ref.type, {}).get(ref.data_id)) is not None:
                return ref, number
            found = self._calibrations.find(ref, begin_ns)
            if isinstance(found, Product):
                return found.ref, found
            reasons.append(found)
        return "; ".join(reasons)


def _decides(step: BoundStep, slot: Slot, dataset_type: DatasetType) -> bool:
    """Whether a data ID is chosen only where the query chooses this slot's dataset: none other is ever needed."""
    alone = len(step.inputs[slot.name]) == 1 and not slot.optional and not slot.multiple
    return alone and set(dataset_type.keys) == set(step.task.dimensions)


def _pick(
    types: tuple[DatasetType, ...], shelves: list[_Shelf], data_id: DataId, slot: Slot
) -> tuple[tuple[DatasetRef, Source], ...]:
    """Datasets of the first type that has any for this data ID; those of all types where there may be many."""
    found: list[tuple[DatasetRef, Source]] = []
    for dataset_type, shelf in zip(types, shelves, strict=True):
        own = data_id.subset(dataset_type.keys)
        ids = shelf.below.get(data_id, []) if slot.multiple else [own] if own in shelf.sources else []
        if not found or slot.multiple:
            found += [(DatasetRef(dataset_type.type_name, i), shelf.sources[i]) for i in ids]
    return tuple(found)


def waves(graph: Sequence[Quantum]) -> Iterator[list[Quantum]]:
    """Quanta that do not need each other, in order."""
    depth: dict[int, int] = {}
    levels: dict[int, list[Quantum]] = {}
    for quantum in graph:
        depth[quantum.number] = 1 + max((depth[n] for n in quantum.depends), default=-1)
        levels.setdefault(depth[quantum.number], []).append(quantum)
    yield from (levels[level] for level in sorted(levels))
