"""Build a calibration from chosen frames, and compare it with frames that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hven.calibration.declared import Calibration
from hven.calibration.workshop import Workshop
from hven.core.errors import ConflictError
from hven.core.quantities import quantity
from hven.model.collection import Collection, CollectionKind, Validity
from hven.model.metric import Status, worst
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.qc.queries import UNLIMITED, judged
from hven.registry.products import defaults
from hven.store.read import open_product

_EVER = Validity("", 0, 2**62)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison says of a calibration product.

    Parameters
    ----------
    product
        The candidate.
    status
        Worst of its metrics; `missing` where nothing was held out for it.
    why
        Metrics with their values, the worst first, or what is missing.
    table
        Product with the metrics, if there is one.
    """

    product: Product
    status: Status
    why: str
    table: Product | None = None

    @property
    def accepted(self) -> bool:
        """Whether it may be certified."""
        return self.status in {Status.OK, Status.WARNING}


def build(workshop: Workshop, calibration: Calibration, chosen: Sequence[Product]) -> list[Product]:
    """Make a calibration for each detector of the chosen products, through its pipeline.

    A detector for which it cannot be made has none; that keeps no other from being made.
    """
    doc = f"From these {calibration.name} was made by {workshop.user}."
    collection = workshop.chosen(calibration.name, "frames", [p.id for p in chosen], doc)
    made = workshop.process(calibration.build, DataQuery(), collection)
    return [p for p in made if p.ref.type == calibration.type_name]


def verify(
    workshop: Workshop, calibration: Calibration, products: Sequence[Product], held_out: Sequence[Product]
) -> list[Verdict]:
    """Compare calibrations with the same made from held-out frames.

    Raises
    ------
    ConflictError
        When a calibration was made from a held-out product.
    """
    _must_be_unseen(workshop, products, held_out)
    witnesses = {p.ref: p for p in build(workshop, calibration, held_out)}
    seen = [p for p in products if p.ref in witnesses]  # in the chain, one without witness would be its own
    made = _compared(workshop, calibration, seen, [witnesses[p.ref] for p in seen]) if seen else ()
    if not workshop.owner:
        workshop.registry.tag(defaults(products[0].ref), [p.id for p in products])
    tables = {p.ref.data_id: p for p in made if str(p.ref.type) == calibration.table}
    return [_verdict(workshop, product, tables.get(product.ref.data_id)) for product in products]


def _compared(
    workshop: Workshop, calibration: Calibration, products: Sequence[Product], witnesses: Sequence[Product]
) -> Sequence[Product]:
    """Run the comparison in a chain in which witnesses are found as datasets, candidates as calibrations."""
    held = workshop.chosen(calibration.name, "held-out", [p.id for p in witnesses], "Made from held-out frames.")
    place = held.rpartition("/")[0]
    candidates, chain = f"{place}/candidates", f"{place}/both"
    for product in products:
        workshop.registry.certify(candidates, _ever(product), who=workshop.user, why="to be verified")
    try:
        workshop.registry.define(Collection(chain, CollectionKind.CHAINED, children=(held, candidates)))
        return workshop.process(calibration.verify, DataQuery(), chain)
    finally:
        for product in products:
            workshop.registry.decertify(candidates, _ever(product), who=workshop.user, why="verified")


def _ever(product: Product) -> Validity:
    return Validity(product.id, _EVER.begin_ns, _EVER.end_ns)


def _must_be_unseen(workshop: Workshop, products: Sequence[Product], held_out: Sequence[Product]) -> None:
    unseen = {p.id for p in held_out}
    for product in products:
        if used := sorted(unseen & ancestors(workshop, product)):
            raise ConflictError(
                f"{product.id} was made from {used[0]}, which is to verify it",
                hint="Verify it on other observations.",
            )


def ancestors(workshop: Workshop, product: Product) -> set[str]:
    """Ids of all that a product was made from."""
    found: set[str] = set()
    waiting = [product.id]
    while waiting:
        new = set(workshop.registry.inputs_of(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def _verdict(workshop: Workshop, product: Product, table: Product | None) -> Verdict:
    if table is None:
        return Verdict(product, Status.MISSING, "no held-out frames of this detector, or the comparison failed")
    metrics = open_product(workshop.root / table.path, chunks=None).to_dataframe().reset_index(drop=True)
    found = judged(metrics, workshop.instrument.resources / "thresholds.yaml", product.ref.type.name)
    limited = found[found["status"] != UNLIMITED]
    status = worst([Status(text) for text in limited["status"]])
    ordered = sorted(limited.to_dict("records"), key=lambda row: row["status"] == Status.OK)
    told = ", ".join(f"{row['metric']} {quantity(row['value'], row['unit'])} {row['status']}" for row in ordered)
    return Verdict(product, status, told, table)
