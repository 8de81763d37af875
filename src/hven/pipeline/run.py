"""Run a pipeline: the same call in a notebook, on the command line and in a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hven.cluster.engine import Engine
from hven.core.settings import Settings
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline
from hven.model.query import DataQuery
from hven.pipeline.report import Progress, RunReport
from hven.registry.protocol import Registry


def run_pipeline(
    pipeline: Pipeline,
    *,
    instrument: Instrument,
    registry: Registry,
    settings: Settings,
    engine: Engine,
    query: DataQuery,
    run: str,
    user: str,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    force: bool = False,
    block_rows: int | None = None,
) -> RunReport:
    """Make what is missing."""
    raise NotImplementedError
