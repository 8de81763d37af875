"""Signals of the data: quality of new products, age of calibrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from hven import instruments
from hven.alarms.model import Signal
from hven.archive.ledger import Ledger
from hven.batch.alarms.gather import Place
from hven.core.clock import NS, format_utc
from hven.core.quantities import quantity
from hven.model.annotation import observing
from hven.model.data_id import Level
from hven.model.metric import Status
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.qc.queries import UNLIMITED, judged
from hven.registry.schema import validity
from hven.registry.visible import begins
from hven.store.read import open_product

NEW_S = 24 * 3600
"""Products so young are new."""
_LEVELS = {Status.OK: 0.0, Status.WARNING: 1.0, Status.ERROR: 2.0, Status.MISSING: float("nan")}
_DAY_NS = 86_400 * NS

Judged = tuple[tuple[str, float, str, str], ...]
"""Of each metric of a product: name, value, status, and in words."""


def quality(place: Place) -> Iterator[Signal]:
    """Status of the metrics of each detector's newest products: 0 ok, 1 warning, 2 error."""
    for key, product, (_, _, status, words) in _newest(place):
        if status != UNLIMITED:
            yield Signal("quality", key, _LEVELS[Status(status)], product.created_ns, _detector(product), words)


def metric(place: Place) -> Iterator[Signal]:
    """Values of the same metrics."""
    for key, product, (_, value, _, words) in _newest(place):
        yield Signal("metric", key, value, product.created_ns, _detector(product), words)


def raw_data(place: Place) -> Iterator[Signal]:
    """When the last raw file came, while the night log says that one observes."""
    began = observing(place.registry.annotations())
    if began is None:
        return
    taken_ns = _ledger(place.settings.platform_url).newest_ns()
    last_ns = max(began.at_ns, taken_ns, _newest_file_ns(place.settings.root / "incoming"))
    key = str(began.data_id.get("instrument", "any instrument"))
    yield Signal("raw data", key, 0.0, last_ns, text=f"observing since {format_utc(began.at_ns // NS * NS)}")


@lru_cache(maxsize=8)
def _ledger(url: str) -> Ledger:
    return Ledger(url)


def _newest_file_ns(folder: Path) -> int:
    """When a file was last written to; what may not be looked into says nothing."""
    newest = 0
    for parent, _, names in folder.walk():
        for name in names:
            with suppress(OSError):
                newest = max(newest, (parent / name).stat().st_mtime_ns)
    return newest


def calibration(place: Place) -> Iterator[Signal]:
    """When the last validity of each calibration ends; the value is its age in days."""
    columns = validity.c.type, validity.c.level, validity.c.scope
    last = sa.select(
        *columns, sa.func.max(validity.c.end_ns).label("end"), sa.func.max(validity.c.begin_ns).label("begin")
    )
    ours = sa.or_(*(begins(validity.c.collection, f"{name}/calib") for name in place.settings.instruments))
    with place.registry.database.read() as connection:
        rows = connection.execute(last.where(ours).group_by(*columns).order_by(*columns)).all()
    for row in rows:
        age = (place.now_ns - row.begin) / _DAY_NS
        yield Signal("calibration", f"{row.level}/{row.type} {row.scope}", age, row.end)


def _newest(place: Place) -> Iterator[tuple[str, Product, tuple[str, float, str, str]]]:
    """Each metric of the newest product of each type and detector."""
    for name in place.settings.instruments:
        instrument = instruments.load(name)
        thresholds = instrument.resources / "thresholds.yaml"
        for declared in instrument.dataset_types:
            if declared.level is Level.L2 and declared.name.endswith(".qc"):
                what = declared.name.removesuffix(".qc")
                after = format_utc((place.now_ns - NEW_S * NS) // NS * NS)
                found = place.registry.find(declared.type_name, DataQuery(where=f'created >= "{after}"'))
                newest = {_detector(p): p for p in sorted(found, key=lambda p: (p.begin_ns, p.created_ns))}
                for detector, product in newest.items():
                    for line in _judged(place.settings.root, product, thresholds, what):
                        yield f"{what}/{detector}/{line[0]}", product, line


@lru_cache(maxsize=1024)
def _judged(root: Path, product: Product, thresholds: Path, what: str) -> Judged:
    """Metrics of a whole observation; a product never changes, so it is read once."""
    rows = open_product(root / product.path).to_dataframe().reset_index(drop=True)
    whole = judged(rows[rows["grain"] == "observation"], thresholds, what)
    return tuple(
        (str(r["metric"]), float(r["value"]), str(r["status"]), _words(r["value"], str(r["unit"]), product))
        for r in whole.to_dict("records")
    )


def _words(value: float, unit: str, product: Product) -> str:
    return f"{quantity(value, unit)} in {product.ref.data_id.get('observation', product.id)}"


def _detector(product: Product) -> int | None:
    detector = product.ref.data_id.get("detector")
    return None if detector is None else int(detector)
