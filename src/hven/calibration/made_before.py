"""Products that were made with what somebody has marked bad since, or without what nobody marks any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from hven.core.clock import format_utc
from hven.model.annotation import Annotation, Kind, bad, mark_of, marked_times
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.model.query import DataQuery
from hven.model.task import Task
from hven.pipeline.left_out import of_record, slots_without
from hven.registry.protocol import Registry
from hven.store.records import read_provenance

_MS = 1_000_000  # to which times are written

Known = Callable[[str], Product | None]
"""Product by id, if there is one."""


def made_before(
    registry: Registry, root: Path, tasks: Mapping[str, Task], known: Known, standing: Known
) -> Iterator[tuple[Product, str]]:
    """Standing products that would be made of other rows today, and why.

    Only what was made from data that a mark concerns is looked at, retracted marks among them. What is marked bad as a
    whole cannot be made again and does not count.

    Parameters
    ----------
    registry
        Knows marks, and what was made from what.
    root
        Data root.
    tasks
        By name; what others have made is not looked at.
    known, standing
        Product by id; the second only if it is what is found.
    """
    annotations = registry.annotations()
    marks, seen = bad(annotations), set[str]()
    for source in _concerned(registry, [one for one in annotations if one.kind is Kind.BAD]):
        for made in set(registry.outputs_of(source.id)) - seen:
            seen.add(made)
            product = standing(made)
            if product is not None and product.task in tasks and mark_of(marks, product) is None:
                slots = slots_without(tasks[product.task])
                why = _difference(marks, read_provenance(root / product.path), slots, known)
                if why:
                    yield product, why


def _concerned(registry: Registry, marks: Sequence[Annotation]) -> Iterator[Product]:
    for mark in marks:
        bounds = [f'end >= "{format_utc(mark.begin_ns)}"'] if mark.begin_ns is not None else []
        bounds += [f'begin <= "{format_utc(mark.end_ns + _MS)}"'] if mark.end_ns is not None else []
        query = DataQuery({key: (value,) for key, value in mark.data_id.items()}, " and ".join(bounds))
        for product in registry.find(query=query):
            if mark.concerns(product.ref.data_id, product.begin_ns, product.end_ns):
                yield product


def _difference(marks: Sequence[Annotation], record: Provenance, slots: AbstractSet[str], known: Known) -> str:
    """Which input would be handed over otherwise today; empty where all would be as they were."""
    said = of_record(record)
    timed = [mark for mark in marks if (mark.begin_ns, mark.end_ns) != (None, None)]
    for one in record.inputs:
        source = known(one.id) if one.role != "calibration" else None
        if source is None:
            continue
        if (mark := mark_of(marks, source)) is not None:
            return f"{source.ref} is {mark}"
        now, then = marked_times(timed, source), said.get(source.id, ())
        if one.slot in slots and now != then:
            return _told(timed, source) if now else f"made without rows of {source.ref} that nobody marks any more"
    return ""


def _told(marks: Sequence[Annotation], source: Product) -> str:
    found = [m for m in marks if m.concerns(source.ref.data_id, source.begin_ns, source.end_ns)]
    return f"rows of {source.ref} are {max(found, key=lambda mark: mark.at_ns)}"
