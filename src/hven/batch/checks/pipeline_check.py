"""A whole observatory from nothing: simulated, taken in, processed, its numbers compared with what must come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hven import instruments
from hven.archive.ingest import Archive
from hven.batch.checks.known import Finding
from hven.cluster.make import make_engine
from hven.core.settings import Settings
from hven.core.yaml_file import read_yaml
from hven.model.data_id import TypeName
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.pipeline.load import load_pipeline
from hven.pipeline.run import run_pipeline
from hven.registry.direct import DirectRegistry
from hven.registry.protocol import Registry
from hven.store.read import open_product

TRUTH = "pipeline_check.yaml"
"""File among an instrument's resources with what is simulated and what must come out."""


class Expected(BaseModel):
    """A line of the truth table.

    Parameters
    ----------
    type
        Dataset type with level.
    what
        ``products`` and ``rows`` count; another word is a variable, of which the median over all products is taken.
    lower, upper
        Limits of the number, both allowed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    what: str
    lower: float
    upper: float


class TruthTable(BaseModel):
    """What is simulated, what processes it, and what must come out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: str
    simulate: dict[str, Any]
    expect: Annotated[tuple[Expected, ...], Field(min_length=1)]


def check(settings: Settings, folder: Path) -> list[Finding]:
    """Check every instrument of a site that has a truth table, each in a fresh observatory with a fresh registry."""
    found = []
    for name in settings.instruments:
        instrument = instruments.load(name)
        if (instrument.resources / TRUTH).exists():
            found += list(_check(_fresh(settings, name, folder / name), instrument, folder / name / "raw"))
    return found


def _fresh(settings: Settings, name: str, folder: Path) -> Settings:
    """Settings of an observatory of its own."""
    (folder / "data").mkdir(parents=True)
    own = {"root": folder / "data", "state": folder / "state", "registry_url": "", "platform_url": ""}
    values = {**settings.model_dump(), **own, "instruments": (name,), "server": None}
    return Settings.model_validate(values)


def _check(settings: Settings, instrument: Instrument, raw: Path) -> Iterator[Finding]:
    truth = TruthTable.model_validate(read_yaml(instrument.resources / TRUTH))
    instrument.simulate(raw, **truth.simulate)
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        yield from _take_in(settings, registry, instrument, raw)
        yield _process(settings, registry, instrument, truth.pipeline)
        for expected in truth.expect:
            yield _compare(settings.root, registry, expected)


def _take_in(settings: Settings, registry: Registry, instrument: Instrument, raw: Path) -> Iterator[Finding]:
    archive = Archive(settings, registry, [instrument])
    try:
        report = archive.ingest([raw], settle_s=0.0)
    finally:
        archive.close()
    yield Finding(report.exit_code == 0, f"{instrument.name}: {len(report.files)} files taken in")


def _process(settings: Settings, registry: Registry, instrument: Instrument, pipeline: str) -> Finding:
    engine = make_engine(settings.engine)
    try:
        report = run_pipeline(
            load_pipeline(instrument, pipeline), instrument=instrument, registry=registry, settings=settings,
            engine=engine, query=DataQuery(), run=f"{instrument.name}/runs/check/1", user="check",
        )  # fmt: skip
    finally:
        engine.close()
    good = bool(report.records) and not report.failed
    return Finding(good, f"{pipeline}: {len(report.failed)} of {len(report.records)} quanta failed")


def _compare(root: Path, registry: Registry, expected: Expected) -> Finding:
    products = registry.find(TypeName.parse(expected.type))
    value = _value(root, products, expected.what)
    text = f"{expected.type} {expected.what}: {value:g}, must be in [{expected.lower:g}, {expected.upper:g}]"
    return Finding(expected.lower <= value <= expected.upper, text)


def _value(root: Path, products: Sequence[Product], what: str) -> float:
    counts: Mapping[str, float] = {"products": len(products), "rows": sum(p.rows for p in products)}
    if what in counts or not products:
        return counts.get(what, float("nan"))
    values = [open_product(root / p.path, chunks=None)[what].to_numpy().ravel() for p in products]
    return float(np.nanmedian(np.concatenate(values)))
