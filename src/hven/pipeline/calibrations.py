"""Which calibration a quantum gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from hven.core.errors import CalibrationMissingError
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
        What is marked bad, or was made with frames that somebody marked later, is no calibration.
    """

    def __init__(self, registry: Registry, owner: str, collection: str = "", marks: Sequence[Annotation] = ()) -> None:
        self.registry = registry
        self.owner = owner
        self.collection = collection
        self.marks = marks
        self._known: dict[tuple[DatasetRef, int], Product | str] = {}

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
                mark = spoilt_by(self.marks, found)
                if mark is None:
                    return found
                reason = f"calibration {found.id} is {mark}"
            except CalibrationMissingError as error:
                reason = str(error)
        return reason

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


def _has_calibrations(name: str, known: Mapping[str, Collection]) -> bool:
    """Whether a collection is of kind CALIBRATION, or a chain that leads to one."""
    found = known.get(name)
    if found is None:
        return False
    return found.kind == CollectionKind.CALIBRATION or any(_has_calibrations(c, known) for c in found.children)
