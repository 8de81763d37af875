"""What the batch service tells the gateway: the quality of what was measured, and the states of shared jobs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hven import instruments
from hven.batch.model import Job
from hven.batch.store import JobStore
from hven.core.clock import NS, format_utc
from hven.core.settings import Settings
from hven.model.collection import AccessClass, raw_run
from hven.model.data_id import Level
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.qc.queries import judged
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.store.read import open_product
from hven.telemetry.gateway import Gateway, Record

QUALITY, PROCESSING = "qc", "processing"
"""Channels of the gateway."""

EVERY_S = 5.0
_NEWEST_JOBS = 500
_DAY_NS = 86_400 * NS
_WHOLE = "observation"
_SUFFIX = ".qc"

Published = tuple[str, str, dict[str, Any]]


@dataclass(slots=True)
class _Known:
    """What has been published: states of jobs, and how far each type and detector is; and the newest that was seen."""

    states: dict[int, str]
    marks: dict[str, tuple[int, int]]
    newest_of_types_ns: dict[str, int]
    newest_ns: int | None = None


class GatewayChore:
    """Publishes metrics of new products, and shared jobs whose state has changed.

    What has been published is read back from the gateway, so a service that begins again repeats nothing, and one whose
    database failed leaves nothing out. Metrics that only operators may read are not published, so that they stand in
    nobody's way; each record names its run, and is for those who may see that. Each round looks at products of a day
    before the newest one, however many there are.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`.
    """

    name = "gateway"

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.gateway = Gateway(database)
        self.jobs = JobStore(database, settings.batch)
        self.registry = DirectRegistry(settings.registry_url, settings.root)
        declared = [kind for name in settings.instruments for kind in instruments.load(name).dataset_types]
        self._types = [t.type_name for t in declared if t.name.endswith(_SUFFIX) and t.level == Level.L2]
        self._known: _Known | None = None
        self._next_s = 0.0

    def step(self) -> None:
        """Publish what is new, every few seconds."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + EVERY_S
        known, self._known = self._known or self._read_back(), None
        self.gateway.publish_all([*self._of_jobs(known), *self._of_products(known)])
        self._known = known

    def _read_back(self) -> _Known:
        states = {record.value["job"]: record.value["state"] for record in self.gateway.latest(PROCESSING)}
        published = self.gateway.latest(QUALITY)
        return _Known(states, _marks(published), _newest(published))

    def _of_jobs(self, known: _Known) -> Iterator[Published]:
        """Shared jobs whose state has changed, oldest first."""
        for number, state in sorted(self.jobs.states(newest=_NEWEST_JOBS).items()):
            if known.states.get(number) != state:
                job = self.jobs.get(number)
                known.states[number] = str(job.state)
                if job.request.shared:
                    yield PROCESSING, job.request.pipeline, _status(job)

    def _of_products(self, known: _Known) -> Iterator[Published]:
        lately = self._lately(known)
        if not lately:
            return
        closed = {c.name for c in self.registry.collections() if c.access is AccessClass.OPERATORS}
        newest = {_what(product): product for product in lately}
        for product in lately:
            mark = known.marks.get(_what(product))
            first = mark is None and newest[_what(product)].id == product.id
            if product.run not in closed and (first or (mark is not None and _age(product) > mark)):
                yield from self._metrics(product)
                known.marks[_what(product)] = _age(product)

    def _lately(self, known: _Known) -> list[Product]:
        """Products that were made lately, oldest first; of a type of which none was published, all of them at first."""
        if known.newest_ns is not None:
            of_types = {"level": (str(Level.L2),), "type": tuple(name.name for name in self._types)}
            found = self.registry.find(query=DataQuery(of_types, _since(known.newest_ns)))
        else:
            newest = {name: known.newest_of_types_ns.get(name.name.removesuffix(_SUFFIX)) for name in self._types}
            bounds = {name: DataQuery() if ns is None else DataQuery(where=_since(ns)) for name, ns in newest.items()}
            found = [product for name, query in bounds.items() for product in self.registry.find(name, query)]
        known.newest_ns = max((known.newest_ns or 0, *(product.created_ns for product in found)))
        return sorted(found, key=_age)

    def _metrics(self, product: Product) -> Iterator[Published]:
        rows = open_product(self.settings.root / product.path, chunks=None).to_dataframe().reset_index(drop=True)
        limits = instruments.load(product.ref.type.instrument).resources / "thresholds.yaml"
        table = judged(rows, limits, product.ref.type.name.removesuffix(_SUFFIX))
        data_id = product.ref.data_id
        for row in table[table["grain"] == _WHOLE].to_dict("records"):
            value = float(row["value"])
            yield (
                QUALITY,
                f"{_what(product)}/{row['metric']}",
                {
                    "value": value if math.isfinite(value) else None,
                    "unit": str(row["unit"]),
                    "status": str(row["status"]),
                    "observation": data_id.get("observation"),
                    "day_obs": data_id.get("day_obs"),
                    "begin_ns": product.begin_ns,
                    "created_ns": product.created_ns,
                    "product": product.id,
                    "run": product.run,
                },
            )


def _since(moment_ns: int) -> str:
    """Condition on products made in the day before a moment, or since."""
    return f"created > '{format_utc(max(0, moment_ns - _DAY_NS))}'"


def _what(product: Product) -> str:
    """What metrics are of: type and detector."""
    return f"{product.ref.type.name.removesuffix(_SUFFIX)}/{product.ref.data_id.get('detector', 'all')}"


def _age(product: Product) -> tuple[int, int]:
    return product.begin_ns, product.created_ns


def _marks(published: list[Record]) -> dict[str, tuple[int, int]]:
    """How far each type and detector has been published."""
    marks: dict[str, tuple[int, int]] = {}
    for record in published:
        what, value = record.name.rpartition("/")[0], record.value
        marks[what] = max(marks.get(what, (0, 0)), (value["begin_ns"], value["created_ns"]))
    return marks


def _newest(published: list[Record]) -> dict[str, int]:
    """When the newest published product of each type was made."""
    newest: dict[str, int] = {}
    for record in published:
        what = record.name.split("/")[0]
        newest[what] = max(newest.get(what, 0), record.value["created_ns"])
    return newest


def _status(job: Job) -> dict[str, Any]:
    return {
        "job": job.id,
        "state": str(job.state),
        "pipeline": job.request.pipeline,
        "counts": job.counts.model_dump(mode="json"),
        "run": job.run,
        "data": raw_run(job.request.pipeline.partition("/")[0]),
        "error": job.error,
        "submitted_ns": job.submitted_ns,
        "started_ns": job.started_ns,
        "ended_ns": job.ended_ns,
    }
