"""Run a pipeline: the same call in a notebook, on the command line and in a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hven.cluster.engine import Engine
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.collection import owner_of
from hven.model.instrument import Instrument
from hven.model.pipeline import Pipeline
from hven.model.quantum import QuantumRecord
from hven.model.query import DataQuery
from hven.pipeline.bind import bind
from hven.pipeline.execute import Execution
from hven.pipeline.graph import build_graph
from hven.pipeline.keep import Keeper
from hven.pipeline.report import Progress, RunReport
from hven.pipeline.scope import Scope
from hven.pipeline.stacks import Sampled
from hven.pipeline.work import Place
from hven.registry.protocol import Registry
from hven.registry.run_class import run_acl

_log = get_logger(__name__)


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
    collection: str = "",
    progress: Callable[[Progress], None] | None = None,
    told: Callable[[Sequence[QuantumRecord]], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    yielding: Callable[[], bool] | None = None,
    sampled: Sampled | None = None,
    again: Scope | None = None,
    chosen: bool = True,
    force: bool = False,
    block_rows: int | None = None,
) -> RunReport:
    """Make all products of a pipeline that do not exist yet.

    What exists with the same quantum key is tagged, not made again. A failing quantum fails alone; what needs it is
    blocked. A run that was killed is resumed by running it again.

    Parameters
    ----------
    pipeline
        From `hven.pipeline.load.load_pipeline`.
    instrument
        Declares the dataset types.
    registry
        Knows what exists; this process owns its writing.
    settings
        Data root and site.
    engine
        Runs the blocks; stays open.
    query
        Chooses data IDs.
    run
        RUN collection of what is made, e.g. ``panoseti/runs/calibrate/20251022T071822Z`` (shared: tagged in the
        instrument's defaults), or one's own, ``u/ada/calibrate/20251022T071822Z``.
    user
        Recorded as the maker.
    config
        Values that replace the pipeline's, by step or task name.
    collection
        Where inputs are taken from; the instrument's defaults if empty.
    progress
        Called with counts as quanta and blocks end.
    told
        Called with the records of quanta once they are in the registry.
    cancelled
        Asked between blocks.
    yielding
        Asked between blocks: whether to stop as soon as the quanta that have begun are done.
    sampled
        Called, as blocks end, with a step and the microseconds that its functions took, see `hven.pipeline.sample`;
        nothing is sampled without it.
    again
        Chooses quanta, and those that are made again; by default all that do not exist are made.
    chosen
        Whether shared products are what is found and opened by default at once; otherwise in their run only.
    force
        Make everything again.
    block_rows
        Replaces the executor's choice of block length; results do not depend on it.

    Returns
    -------
    RunReport
        Records of all quanta; failures are in it, not raised.

    Raises
    ------
    ConfigurationError
        When the pipeline does not fit the instrument or the config has unknown keys.
    CancelledError
        When `cancelled` or `yielding` said so; what was finished is kept.
    """
    steps = bind(pipeline, instrument, config)
    instrument_query = DataQuery({"instrument": (instrument.name,), **query.values}, query.where)
    graph = build_graph(steps, registry, instrument_query, owner=owner_of(run), collection=collection)
    acl = run_acl(registry, run, settings.server)
    place = Place(settings.root, settings.site, run, user, pipeline.name, acl)
    scope = again or Scope()
    graph = scope.choose(graph, registry, run)
    keeper = Keeper(registry, place, told or _deaf, scope.anew(graph), chosen)
    _log.info("run begins", pipeline=pipeline.name, run=run, quanta=len(graph), cores=engine.cores)
    execution = Execution(
        graph, engine, keeper, place, progress or _silent, cancelled or _never, yielding or _never,
        force=force, block_rows=block_rows, sampled=sampled,
    )  # fmt: skip
    try:
        execution.run()
    finally:
        keeper.flush()
    products = tuple(p for number in sorted(execution.products) for p in execution.products[number])
    report = RunReport(pipeline.name, run, tuple(execution.records[n] for n in sorted(execution.records)), products)
    _log.info("run ended", pipeline=pipeline.name, run=run, failed=len(report.failed), products=len(products))
    return report


def _silent(_progress: Progress) -> None:
    return None


def _deaf(_records: Sequence[QuantumRecord]) -> None:
    return None


def _never() -> bool:
    return False
