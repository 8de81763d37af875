"""Choose the frames from which a calibration is made, and those that are held out to verify it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hven.calibration.declared import Calibration, Quality
from hven.calibration.marked import unheeded
from hven.calibration.workshop import Workshop
from hven.core.errors import ConfigurationError, DatasetNotFoundError
from hven.model.annotation import bad, mark_of
from hven.model.data_id import DataId, DatasetRef, TypeName
from hven.model.metric import Status
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.qc.queries import judged
from hven.store.read import open_product


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen: products to build from, products held out, and why others of the query were left out, by id."""

    build: tuple[Product, ...]
    held_out: tuple[Product, ...]
    left_out: Mapping[str, str]


def select(workshop: Workshop, calibration: Calibration, query: DataQuery) -> Selection:
    """Choose by query and quality; of the observations, in order of time, one of so many is held out.

    Raises
    ------
    DatasetNotFoundError
        When nothing fits, or all that fits is bad; it says why.
    ConfigurationError
        When there is only one good observation, so that nothing can be held out.
    """
    found = candidates(workshop, calibration, query)
    left_out = unfit(workshop, calibration, found)
    good = [p for p in found if p.id not in left_out]
    if not good:
        reasons = "; ".join(sorted(set(left_out.values()))) or "nothing fits"
        raise DatasetNotFoundError(
            f"no {calibration.inputs} to make {calibration.name} from: {reasons}",
            hint=f"`hven find {calibration.inputs}` lists what there is.",
        )
    observations = _observations(good)
    if len(observations) == 1:
        raise ConfigurationError(
            f"{observations[0]} is the only observation that fits {calibration.name}",
            hint="Choose at least two: a calibration is verified on frames that were not used to make it.",
        )
    held = set(observations[calibration.hold_out - 1 :: calibration.hold_out] or observations[-1:])
    return Selection(
        tuple(p for p in good if _observation(p) not in held),
        tuple(p for p in good if _observation(p) in held),
        left_out,
    )


def candidates(workshop: Workshop, calibration: Calibration, query: DataQuery) -> list[Product]:
    """Products of the chosen type that fit a query."""
    wanted = DataQuery({"instrument": (workshop.instrument.name,), **query.values}, query.where)
    return workshop.registry.find(TypeName.parse(calibration.inputs), wanted)


def unfit(workshop: Workshop, calibration: Calibration, found: Collection[Product]) -> dict[str, str]:
    """Why products are not good enough, by id: marked bad by somebody, or by their quality."""
    marks = bad(workshop.registry.annotations())
    empty = {p.id: f"{p.ref.data_id} has no such frames" for p in found if not p.rows}
    reasons = empty | {p.id: f"{p.ref.data_id} is {mark}" for p in found if (mark := mark_of(marks, p)) is not None}
    reasons |= {p.id: why for p in found if p.id not in reasons and (why := unheeded(workshop, marks, p))}
    if calibration.quality is None:
        return reasons
    judged_bad = {p.id: _bad(workshop, calibration.quality, p) for p in found if p.id not in reasons}
    return reasons | {product_id: reason for product_id, reason in judged_bad.items() if reason}


def _bad(workshop: Workshop, quality: Quality, product: Product) -> str:
    """What is wrong with the frames of a product; empty for good ones."""
    type_name = TypeName.parse(quality.type)
    table = workshop.registry.find_one(DatasetRef(type_name, product.ref.data_id))
    if table is None:
        return f"{product.ref.data_id} has no {quality.type}"
    metrics = open_product(workshop.root / table.path, chunks=None).to_dataframe().reset_index(drop=True)
    thresholds = workshop.instrument.resources / "thresholds.yaml"
    found = judged(metrics, thresholds, type_name.name.removesuffix(".qc"))
    wrong = found[(found["grain"] == "observation") & (found["status"] == Status.ERROR)]
    names = sorted(set(wrong["metric"]) & set(quality.metrics))
    return f"{product.ref.data_id}: {', '.join(names)} bad" if names else ""


def _observations(found: Collection[Product]) -> list[DataId]:
    """Observations in order of time."""
    begins: dict[DataId, int] = {}
    for product in found:
        key = _observation(product)
        begins[key] = min(product.begin_ns, begins.get(key, product.begin_ns))
    return sorted(begins, key=lambda key: (begins[key], key.sort_key()))


def _observation(product: Product) -> DataId:
    return product.ref.data_id.subset(tuple(key for key in product.ref.data_id if key != "detector"))
