"""Which rows of its inputs a quantum leaves out because somebody has marked their time bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hven.model.annotation import Times, marked_times
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.pipeline.graph import Quantum

NOTE = "left_out"
"""Note of a provenance record: by id of an input, the times of which rows were left out."""

LeftOut = Mapping[tuple[str, str], Times]
"""By slot and id of its product."""


def left_out(quantum: Quantum, inputs: Mapping[str, Sequence[Product]]) -> dict[tuple[str, str], Times]:
    """Times left out of each product of the slots that say so."""
    if not quantum.marks:
        return {}
    slots = {slot.name for slot in quantum.step.task.inputs if slot.unmarked}
    found = {
        (name, product.id): marked_times(quantum.marks, product)
        for name in slots & set(inputs)
        for product in inputs[name]
    }
    return {place: times for place, times in found.items() if times}


def noted(times: LeftOut) -> dict[str, Any]:
    """Note for the provenance record; empty where nothing was left out."""
    told = {product_id: [list(span) for span in spans] for (_, product_id), spans in times.items()}
    return {NOTE: told} if told else {}


def of_record(record: Provenance) -> dict[str, Times]:
    """What a provenance record says was left out, by id of the input."""
    return {
        product_id: tuple((int(begin), int(end)) for begin, end in spans)
        for product_id, spans in record.notes.get(NOTE, {}).items()
    }
