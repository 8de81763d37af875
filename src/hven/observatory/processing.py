"""Processing: here, on a cluster of one's own, or by the batch service."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hven.core.clock import format_utc, now_ns
from hven.core.errors import AccessDeniedError, ConfigurationError
from hven.model.collection import run_name
from hven.model.pipeline import Pipeline, Step
from hven.model.query import DataQuery
from hven.observatory.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Client

    from hven.batch.campaigns.campaigns import Campaigns
    from hven.batch.commands.commands import Commands
    from hven.batch.handle import JobHandle
    from hven.batch.jobs import Jobs
    from hven.batch.model import Estimate, JobRequest
    from hven.batch.schedules.schedules import Schedules
    from hven.cluster.engine import Engine
    from hven.core.settings import Settings
    from hven.model.task import Task
    from hven.pipeline.report import Progress, RunReport
    from hven.registry.protocol import Registry

    Changes = Mapping[str, Mapping[str, Any]]


class Processing(Operations):
    """Running pipelines and looking after jobs; see `Observatory`.

    Parameters
    ----------
    settings, registry, user, campaigns, schedules, commands
        As of `Operations`.
    jobs
        The batch service in the user's name; by default its table is opened.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        *,
        user: str = "",
        jobs: Jobs | None = None,
        campaigns: Campaigns | None = None,
        schedules: Schedules | None = None,
        commands: Commands | None = None,
    ) -> None:
        super().__init__(settings, registry, user=user, campaigns=campaigns, schedules=schedules, commands=commands)
        self._jobs = jobs

    def pipelines(self) -> dict[str, Pipeline]:
        """What can be run, by name: ``panoseti/calibrate``, and subsets of steps, ``panoseti/nightly#showers``."""
        from hven.pipeline.load import choices

        return {name: chosen for i in self.instruments.values() for name, chosen in choices(i).items()}

    def task_of(self, step: Step) -> Task:
        """Task of a pipeline's step; its `config` says what can be chosen."""
        from hven.pipeline.bind import find_task

        return find_task(step.task)

    def process(
        self,
        pipeline: str,
        *,
        client: Client | None = None,
        where: str = "",
        collection: str = "",
        config: Changes | None = None,
        progress: Callable[[Progress], None] | None = None,
        shared: bool = False,
        project: str = "",
        **data_id: object,
    ) -> RunReport:
        """Run a pipeline here: make what does not exist yet, in a run of one's own.

        Parameters
        ----------
        pipeline
            E.g. ``panoseti/calibrate``, or a subset of its steps, ``panoseti/nightly#showers``.
        client
            Dask client to work on, e.g. that of `client`; the site's engine by default.
        where, data_id
            Choose data as in `find`.
        collection
            Where inputs are taken from; by default what is current.
        config
            By step or task: values that differ from the pipeline's.
        progress
            Called with counts as the work goes on.
        shared
            Make the observatory's products, which everybody finds and opens by default; operators may. Otherwise they
            are one's own: found with ``collection=report.run``, never by default.
        project
            Unix group into whose project the products go, for all its members; found as one's own are.

        Returns
        -------
        RunReport
            What became of each quantum; failures are in it, not raised.

        Raises
        ------
        UnknownNameError
            For a pipeline or subset that does not exist; it lists those that do.
        ConfigurationError
            When the config does not fit.
        AccessDeniedError
            For shared products of somebody who may not operate.
        QuotaExceededError
            When one's own space is full; nothing was begun.
        DatasetNotFoundError
            When no data fit.
        """
        from hven.pipeline.load import load_pipeline
        from hven.pipeline.report import nothing_fits
        from hven.pipeline.run import run_pipeline

        if shared and self._jobs is not None and not self._jobs.operator:
            raise AccessDeniedError(f"{self.user} may not operate", hint="Without `shared` the products are your own.")
        owner = self._owner(project, shared=shared)
        instrument = self.instrument_of(pipeline)
        loaded = load_pipeline(instrument, pipeline)
        query = DataQuery.of(where, **data_id)
        engine = self._engine(client)
        try:
            report = run_pipeline(
                loaded,
                instrument=instrument,
                registry=self.registry,
                settings=self.settings,
                engine=engine,
                query=query,
                run=run_name(loaded.name, _stamp(), owner=owner),
                user=self.user,
                config=_changes(config),
                collection=collection,
                progress=progress,
            )
        finally:
            engine.close()
        if not report.records:
            raise nothing_fits(pipeline, query)
        return report

    def _engine(self, client: Client | None) -> Engine:
        if client is None:
            from hven.cluster.make import make_engine

            return make_engine(self.settings.engine, slurm=self.settings.slurm)
        from hven.cluster.client import ClientEngine

        if not hasattr(client, "scheduler_info"):
            raise ConfigurationError(f"client={client!r} is no Dask client", hint="`obs.client()` gives one.")
        return ClientEngine(client)

    def client(self, profile: str = "") -> Client:
        """Dask client on a cluster of one's own; `profile` is one of the site's sizes, its default if empty."""
        from hven.cluster.make import client

        return client(self.settings, profile)

    @cached_property
    def jobs(self) -> Jobs:
        """Batch service in the name of this user."""
        if self._jobs is not None:
            return self._jobs
        from hven.batch.jobs import DirectJobs
        from hven.batch.store import JobStore
        from hven.registry.database import Database

        store = JobStore(Database(self.settings.platform_url), self.settings.batch)
        return DirectJobs(self.settings, store, self.registry, user=self.user, operator=True)

    def submit(
        self,
        pipeline: str,
        *,
        where: str = "",
        config: Changes | None = None,
        job_class: str = "data-access",
        profile: str = "",
        shared: bool = False,
        project: str = "",
        environment: str = "",
        sample: bool = False,
        **data_id: object,
    ) -> JobHandle:
        """Hand a pipeline to the batch service.

        Parameters
        ----------
        pipeline, where, config, shared, project, data_id
            As of `process`.
        job_class
            ``data-access``, people's own work; operators may choose another `hven.batch.model.JobClass`.
        profile
            One of the site's sizes of Dask clusters, its default if empty.
        environment
            Installed environment in which it runs, or a tag like ``recommended``; the batch service's own by default.
        sample
            Look which functions its time goes to: `profile()` of the handle tells.

        Returns
        -------
        JobHandle
            `progress()`, `wait()`, `result()`, `cancel()`.

        Raises
        ------
        DatasetNotFoundError
            When no data fit.
        ConfigurationError
            When the config does not fit the pipeline.
        AccessDeniedError
            For a shared job of somebody who may not operate, and for a project of others.
        """
        from hven.batch.handle import JobHandle

        more: dict[str, Any] = {"job_class": job_class, "profile": profile, "shared": shared, "project": project}
        job = self.jobs.submit(
            _request(pipeline, where, config, data_id, environment=environment, sample=sample, **more)
        )
        return JobHandle(self.jobs, job.id)

    def estimate(
        self,
        pipeline: str,
        *,
        where: str = "",
        config: Changes | None = None,
        job_class: str = "data-access",
        profile: str = "",
        shared: bool = False,
        project: str = "",
        **data_id: object,
    ) -> Estimate:
        """What a job would take; parameters as of `submit`."""
        more: dict[str, Any] = {"job_class": job_class, "profile": profile, "shared": shared, "project": project}
        return self.jobs.estimate(_request(pipeline, where, config, data_id, **more))

    def close(self) -> None:
        """Give connections back."""
        if self._jobs is not None or "jobs" in self.__dict__:
            self.jobs.close()
        super().close()


def _stamp() -> str:
    now = now_ns()
    return format_utc(now - now % 1_000_000).translate(str.maketrans("", "", "-:."))


def _changes(config: Changes | None) -> dict[str, dict[str, Any]]:
    """Options by step, of what somebody has written; ConfigurationError where it is something else."""
    given = {} if config is None else config
    wrong = [given] if not hasattr(given, "items") else [v for v in given.values() if not hasattr(v, "items")]
    if wrong:
        raise ConfigurationError(
            f"config has {wrong[0]!r} where options of a step belong",
            hint='Write it as config={"showers": {"pixel_deg": 0.3}}.',
        )
    return {step: dict(values) for step, values in given.items()}


def _request(
    pipeline: str, where: str, config: Changes | None, data_id: Mapping[str, Any], *, job_class: str, **more: Any
) -> JobRequest:
    from hven.batch.model import JobRequest, job_class_of

    changes = _changes(config)
    chosen = dict(DataQuery.of(**data_id).values)
    return JobRequest(
        pipeline=pipeline, values=chosen, where=where, config=changes, job_class=job_class_of(job_class), **more
    )
