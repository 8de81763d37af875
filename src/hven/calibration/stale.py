"""Products that would be made with another calibration today, or of other rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hven.calibration.declared import load_calibrations
from hven.calibration.made_before import made_before
from hven.core.errors import DatasetNotFoundError
from hven.model.annotation import bad
from hven.model.collection import owner_of
from hven.model.data_id import DatasetRef, TypeName
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.pipeline.bind import BoundStep, bind
from hven.pipeline.calibrations import Calibrations
from hven.pipeline.load import load_pipeline, pipeline_names
from hven.registry.protocol import Registry


@dataclass(frozen=True, slots=True)
class Stale:
    """A product that stands, and why it would be made otherwise today."""

    product: Product
    why: str


def find_stale(registry: Registry, root: Path, instrument: Instrument, owner: str = "") -> list[Stale]:
    """Products made with a calibration that has lost their time to another, or without one that there is now.

    Products, calibrations among them, made with what somebody has marked bad since are stale, too.

    What was made from such products comes after them. A calibration of the same content is as good as the one used; one
    that somebody has marked bad is none.

    Parameters
    ----------
    registry
        Knows what is certified, and what was made from what.
    root
        Data root; provenance says without which rows a product was made.
    instrument
        Whose pipelines say which calibrations a product takes.
    owner
        Whose products are looked at; the observatory's, as far as they are found by default, if empty.
    """
    lookup = _Lookup(registry, owner)
    found: dict[str, Stale] = {}
    for step in calibrated_steps(instrument):
        for product in lookup.made_by(step):
            if why := lookup.difference(step, product):
                found[product.id] = Stale(product, why)
    tasks = {step.task.name: step.task for step in _steps(instrument, sorted(pipeline_names(instrument)))}
    for product, why in made_before(registry, root, tasks, lookup.get, lookup.standing):
        if product.ref.data_id["instrument"] == instrument.name:
            found.setdefault(product.id, Stale(product, why))
    waiting = list(found)
    while waiting:
        source = waiting.pop(0)
        for made in registry.outputs_of(source):
            standing = lookup.standing(made)
            if standing is not None and made not in found:
                found[made] = Stale(standing, f"made from {source}")
                waiting.append(made)
    return list(found.values())


def calibrated_steps(instrument: Instrument) -> Iterator[BoundStep]:
    """Steps of pipelines that take calibrations, each task with the same types once; none that only verify them."""
    seen = set()
    verifying = {c.verify.partition("#")[0] for c in load_calibrations(instrument).values()}
    for step in _steps(instrument, sorted({*pipeline_names(instrument)} - verifying)):
        key = step.task.name, tuple(t.type_name for t in step.outputs.values())
        if _slots(step) and key not in seen:
            seen.add(key)
            yield step


def _steps(instrument: Instrument, pipelines: Iterable[str]) -> Iterator[BoundStep]:
    for name in pipelines:
        yield from bind(load_pipeline(instrument, name), instrument)


def _slots(step: BoundStep) -> dict[str, tuple[DatasetType, ...]]:
    """Types of the calibrations that a step takes, by slot."""
    return {s.name: step.inputs[s.name] for s in step.task.inputs if s.calibration and s.name in step.inputs}


class _Lookup:
    def __init__(self, registry: Registry, owner: str) -> None:
        self.registry = registry
        self.owner = owner
        self._calibrations = Calibrations(registry, owner, marks=bad(registry.annotations()))
        self._certified = {entry.dataset_type for entry in registry.certifications(history=True)}
        self._products: dict[str, Product | None] = {}
        self._own = registry.owned(owner) if owner else []

    def made_by(self, step: BoundStep) -> Iterator[Product]:
        """Standing products of a step for which a calibration has ever been certified."""
        types = {str(t.type_name) for some in _slots(step).values() for t in some}
        if not types & self._certified:
            return
        for made in step.outputs.values():
            for product in self._find(made.type_name):
                if product.task == step.task.name:
                    yield product

    def _find(self, type_name: TypeName) -> Sequence[Product]:
        return [p for p in self._own if p.ref.type == type_name] if self.owner else self.registry.find(type_name)

    def difference(self, step: BoundStep, product: Product) -> str:
        """How the calibrations valid today differ from those used; empty where they do not."""
        inputs = [p for p in map(self.get, self.registry.inputs_of(product.id)) if p is not None]
        types = {t.type_name for some in _slots(step).values() for t in some}
        raw = [p.begin_ns for p in inputs if p.ref.type not in types]
        begin = min(raw) if raw else product.begin_ns
        used = {p.ref.type: p for p in inputs if p.ref.type in types}
        differences = (self._of_slot(slot, begin, product, used) for slot in _slots(step).values())
        return "; ".join(filter(None, differences))

    def _of_slot(
        self, types: tuple[DatasetType, ...], begin: int, product: Product, used: dict[TypeName, Product]
    ) -> str:
        former = next((used[t.type_name] for t in types if t.type_name in used), None)
        refs = (DatasetRef(t.type_name, product.ref.data_id.subset(t.keys)) for t in types)
        now = next((p for ref in refs if isinstance(p := self._calibrations.find(ref, begin), Product)), None)
        if (now.digest if now else "") == (former.digest if former else ""):
            return ""
        name = str(types[0].type_name)
        return f"{name}: {_named(now)} is valid, {_named(former)} was used"

    def standing(self, product_id: str) -> Product | None:
        """Product that is found by default, or one's own; None for others."""
        product = self.get(product_id)
        if product is None or owner_of(product.run) != self.owner:
            return None
        if self.owner:
            return product
        current = self.registry.find_one(product.ref)
        return product if current is not None and current.id == product.id else None

    def get(self, product_id: str) -> Product | None:
        """Product by id; None where it has gone."""
        if product_id not in self._products:
            try:
                self._products[product_id] = self.registry.get(product_id)
            except DatasetNotFoundError:
                self._products[product_id] = None
        return self._products[product_id]


def _named(product: Product | None) -> str:
    return product.id if product else "none"
