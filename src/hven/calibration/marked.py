"""Whether what a calibration is made from was made without the frames that somebody has marked bad."""

from __future__ import annotations

from collections.abc import Sequence

from hven.calibration.workshop import Workshop
from hven.core.errors import ConfigurationError
from hven.model.annotation import Annotation, marked_times
from hven.model.data_id import Level
from hven.model.product import Product
from hven.pipeline.bind import find_task
from hven.pipeline.left_out import of_record, slots_without
from hven.store.records import read_provenance


def unheeded(workshop: Workshop, marks: Sequence[Annotation], product: Product) -> str:
    """Why a product with a marked part was not made without it; empty where it was, or where its rows still tell.

    Raw frames are read without those that are marked. Anything else must say that it left them out.
    """
    data_id, begin, end = product.ref.data_id, product.begin_ns, product.end_ns
    mark = next((m for m in marks if m.concerns(data_id, begin, end)), None)
    if mark is None or product.ref.type.level == Level.L0:
        return ""
    record = read_provenance(workshop.root / product.path)
    said = of_record(record)
    slots = _slots_without(record.task)
    sources = [workshop.registry.get(i.id) for i in record.inputs if i.slot in slots]
    if sources and all(said.get(source.id, ()) == marked_times(marks, source) for source in sources):
        return ""
    return f"{data_id} was made with frames that are {mark}; make it again"


def _slots_without(task: str) -> set[str]:
    """Slots of a task that get no marked rows; none of what no task has made."""
    try:
        return slots_without(find_task(task))
    except ConfigurationError:
        return set()
