"""An observatory of its own for a benchmark: take files in, calibrate them."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import hven
from hven.archive.ingest import Archive
from hven.cluster.engine import Engine
from hven.core.logging import configure
from hven.core.settings import Settings
from hven.model.query import DataQuery
from hven.observatory import Observatory
from hven.pipeline.load import load_pipeline
from hven.pipeline.report import RunReport
from hven.pipeline.run import run_pipeline

_NUMBERS = count()


def observatory(folder: Path) -> Observatory:
    """Empty, in a folder that is made."""
    configure(json=False, level="WARNING")
    settings = Settings(root=folder / "data", state=folder / "state")
    for path in (settings.root, settings.state):
        path.mkdir(parents=True)
    return hven.connect(settings)


def ingest(obs: Observatory, *runs: Path) -> None:
    """Take run directories in, as `hven ingest` does."""
    archive = Archive(obs.settings, obs.registry, list(obs.instruments.values()))
    report = archive.ingest(runs)
    archive.close()
    assert report.exit_code == 0
    assert any(p.rows for p in report.products)


def calibrate(obs: Observatory, engine: Engine) -> RunReport:
    """Run `panoseti/calibrate` on everything there is, again if it was run before."""
    instrument = obs.instrument_of("panoseti/calibrate")
    report = run_pipeline(
        load_pipeline(instrument, "panoseti/calibrate"),
        instrument=instrument,
        registry=obs.registry,
        settings=obs.settings,
        engine=engine,
        query=DataQuery.of(""),
        run=f"panoseti/runs/bench/{next(_NUMBERS)}",
        user="bench",
        force=True,
    )
    report.raise_for_failures()
    assert report.products
    return report
