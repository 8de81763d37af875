"""What a runner does: the same call as in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from hven import instruments
from hven.batch.model import Again, Job
from hven.batch.size import sized
from hven.batch.triage.apply import failed_as, refuse_blocked
from hven.batch.triage.model import Verdict
from hven.batch.watch import Watch
from hven.cluster.make import make_engine
from hven.core.settings import Settings
from hven.model.quantum import QuantumRecord
from hven.pipeline.load import load_pipeline
from hven.pipeline.report import RunReport
from hven.pipeline.run import run_pipeline
from hven.pipeline.scope import Scope
from hven.registry.protocol import Registry
from hven.retention.quota import check_quota


def process(settings: Settings, job: Job, watch: Watch, registry: Registry) -> Sequence[QuantumRecord]:
    """Run the job's pipeline on the site's engine; raises QuotaExceededError where its user has no room."""
    request = job.request
    if request.owner(job.user) == job.user:
        check_quota(registry, settings, job.user)
    instrument = instruments.load(request.pipeline.partition("/")[0])
    pipeline = load_pipeline(instrument, request.pipeline)
    decisions = watch.decisions()
    refuse_blocked(pipeline, decisions)
    engine = make_engine(sized(settings.engine, job), slurm=settings.slurm, job_class=request.job_class)
    watch.on_stop(engine.cancel)

    def run() -> RunReport:
        return run_pipeline(
            pipeline,
            instrument=instrument,
            registry=registry,
            settings=settings,
            engine=engine,
            query=request.query,
            run=job.run,
            user=job.user,
            config=request.config,
            collection=request.collection,
            progress=lambda p: watch.expect(p.total, p.message),
            told=watch.add,
            cancelled=lambda: watch.stopping,
            yielding=lambda: watch.yielding,
            sampled=watch.sample if request.sample else None,
            again=_scope(job),
            chosen=not request.proposed,
        )

    try:
        report = run()
        if failed_as(report.records, decisions, Verdict.RETRY):
            report = run()
    finally:
        engine.close()
    watch.add(report.records)
    watch.expect(len(report.records))
    return report.records


def _scope(job: Job) -> Scope:
    again = job.again or Again()
    return Scope(known_only=again.failed, step=again.step, data_id=again.data_id)
