"""Which rows of its inputs a quantum leaves out because somebody has marked their time bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hven.model.annotation import Times, marked_times
from hven.model.product import Product
from hven.model.provenance import LEFT_OUT, Provenance
from hven.model.task import Task
from hven.pipeline.graph import Quantum

LeftOut = Mapping[tuple[str, str], Times]
"""By slot and id of its product."""


def left_out(quantum: Quantum, inputs: Mapping[str, Sequence[Product]]) -> dict[tuple[str, str], Times]:
    """Times left out of each product, except of slots that get every row."""
    if not quantum.marks:
        return {}
    found = {
        (name, product.id): marked_times(quantum.marks, product)
        for name in slots_without(quantum.step.task) & set(inputs)
        for product in inputs[name]
    }
    return {place: times for place, times in found.items() if times}


def slots_without(task: Task) -> set[str]:
    """Slots of a task that get no marked rows; of calibrations, which a mark rules out as a whole, there are all."""
    return {slot.name for slot in task.inputs if not slot.every_row and not slot.calibration}


def noted(times: LeftOut, rows: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Note for the provenance record; empty where nothing was left out."""
    told = {
        place[1]: {"times": [list(span) for span in spans], "rows": rows.get(place, 0)}
        for place, spans in times.items()
    }
    return {LEFT_OUT: told} if told else {}


def of_record(record: Provenance) -> dict[str, Times]:
    """Times that a provenance record says were left out, by id of the input."""
    return {
        product_id: tuple((int(begin), int(end)) for begin, end in told["times"])
        for product_id, told in record.notes.get(LEFT_OUT, {}).items()
    }
