"""Which calibration a quantum gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from hven.core.errors import CalibrationMissingError, DatasetNotFoundError
from hven.model.annotation import Annotation, spoilt_by
from hven.model.collection import Collection, CollectionKind, owner_of
from hven.model.data_id import DatasetRef
from hven.model.product import Product
from hven.registry.protocol import Registry


class Calibrations:
    """Looks calibrations up for one graph, each once.

    Parameters
    ----------
    registry
        Knows them.
    owner
        Whose run it is: their own CALIBRATION collections are searched before the observatory's. Empty for the
        observatory's own runs.
    collection
        Where the run takes its inputs from; where it leads to CALIBRATION collections, these alone are searched.
    marks
        What is marked bad, or was made with frames that somebody marked later, is no calibration: see `why_spoilt`.
    """

    def __init__(self, registry: Registry, owner: str, collection: str = "", marks: Sequence[Annotation] = ()) -> None:
        self.registry = registry
        self.owner = owner
        self.collection = collection
        self.marks = marks
        self._known: dict[tuple[DatasetRef, int], Product | str] = {}
        self._reasons: dict[str, str] = {}

    def find(self, ref: DatasetRef, time_ns: int) -> Product | str:
        """Calibration valid at a time, or why there is none."""
        if (ref, time_ns) not in self._known:
            self._known[ref, time_ns] = self._look(ref, time_ns)
        return self._known[ref, time_ns]

    def _look(self, ref: DatasetRef, time_ns: int) -> Product | str:
        reason = ""
        for collection in self._searched:
            try:
                found = self.registry.calibration(ref, time_ns, collection=collection)
                spoilt = self._spoilt(found)
                if not spoilt:
                    return found
                reason = f"calibration {found.id} {spoilt}"
            except CalibrationMissingError as error:
                reason = str(error)
        return reason

    def _spoilt(self, found: Product) -> str:
        if found.id not in self._reasons:
            self._reasons[found.id] = why_spoilt(self.registry, self.marks, found)
        return self._reasons[found.id]

    @cached_property
    def _searched(self) -> tuple[str, ...]:
        """Collections in the order in which they are searched; the empty one is all of the observatory's."""
        known = {c.name: c for c in self.registry.collections()} if self.collection else {}
        return (self.collection,) if _has_calibrations(self.collection, known) else (*self._own, "")

    @cached_property
    def _own(self) -> list[str]:
        if not self.owner:
            return []
        calibrations = (c.name for c in self.registry.collections() if c.kind == CollectionKind.CALIBRATION)
        return [name for name in calibrations if owner_of(name) == self.owner]


def why_spoilt(registry: Registry, marks: Sequence[Annotation], calibration: Product) -> str:
    """For which mark a calibration is none, as in ``is marked bad by ...``; empty where it is one.

    The mark may be of the calibration by detector and time, or of something from which it was made, by observation.
    """
    if not marks:
        return ""
    if mark := spoilt_by(marks, calibration, calibration.created_ns):
        return f"is {mark}"
    for source in _made_from(registry, calibration):
        if mark := spoilt_by(marks, source, calibration.created_ns):
            return f"was made from {source.ref}, which is {mark}"
    return ""


def _made_from(registry: Registry, calibration: Product) -> Iterator[Product]:
    """What a calibration was made from, as far as it is there."""
    for source in registry.inputs_of(calibration.id):
        with suppress(DatasetNotFoundError):
            yield registry.get(source)


def _has_calibrations(name: str, known: Mapping[str, Collection]) -> bool:
    """Whether a collection is of kind CALIBRATION, or a chain that leads to one."""
    found = known.get(name)
    if found is None:
        return False
    return found.kind == CollectionKind.CALIBRATION or any(_has_calibrations(c, known) for c in found.children)
