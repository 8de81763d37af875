"""An observatory: its data, its pipelines, its cluster."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hven.core.clock import format_utc, now_ns
from hven.core.errors import AccessDeniedError, ConfigurationError
from hven.model.collection import home_of, run_name
from hven.model.data_id import DataId, DatasetRef
from hven.model.pipeline import Pipeline, Step
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.observatory.telemetry import Measured
from hven.registry.sharing import open_new

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from distributed import Client
    from intake.readers.entry import Catalog

    from hven.batch.campaigns.campaigns import Campaigns
    from hven.batch.commands.commands import Commands
    from hven.batch.jobs import JobHandle, Jobs
    from hven.batch.model import Estimate, JobRequest
    from hven.batch.schedules.schedules import Schedules
    from hven.cluster.engine import Engine
    from hven.core.settings import Settings
    from hven.model.task import Task
    from hven.pipeline.report import Progress, RunReport
    from hven.registry.protocol import Registry

    Changes = Mapping[str, Mapping[str, Any]]


class Observatory(Measured):
    """Everything one does with an observatory's data; `hven.connect` makes it.

    Data ID keys (`instrument, day_obs, observation, detector`, ...) are keywords of most methods; those that are not
    needed to tell datasets apart may be left out.

    Parameters
    ----------
    settings
        Of its site.
    registry
        Index of its products.
    user
        Who works with it; the Unix user by default.
    jobs
        The batch service in that user's name; by default its table is opened.
    campaigns, schedules, commands
        As of `Operations`.
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

    def save(
        self,
        dataset: xr.Dataset,
        name: str,
        *,
        level: str = "L2",
        inputs: Sequence[xr.Dataset] = (),
        notes: Mapping[str, Any] | None = None,
        project: str = "",
        **data_id: Any,
    ) -> Product:
        """Publish a dataset of one's own in the collection `u/<user>/<name>`.

        Parameters
        ----------
        dataset
            In memory or lazy.
        name
            What it is, e.g. ``my-flat``; its dataset type becomes ``<instrument>.my-flat``.
        level
            ``L1`` or ``L2``.
        inputs
            Datasets opened by hven from which it was made; their ids and digests go into its provenance. A dataset
            that still says which product it was opened from counts as made from that.
        notes
            Anything to be kept in the provenance record.
        project
            Unix group into whose project it goes, `p/<project>/<name>`, for all its members.
        data_id
            Data ID; that of the first input by default.

        Returns
        -------
        Product
            Open it with ``obs.open(name, collection=product.run)``.

        Raises
        ------
        ConfigurationError
            When neither data ID nor inputs are given, or the name cannot be used.
        QuotaExceededError
            When one's own space is full; nothing was written.
        """
        from hven.observatory import save

        owner = self._owner(project)
        ids = [str(d.attrs["hven_id"]) for d in (*inputs, dataset) if "hven_id" in d.attrs]
        sources = [self.product(i) for i in dict.fromkeys(ids)]
        given = DataId(data_id)
        if not given and not sources:
            raise ConfigurationError("the product has no data ID", hint="Give inputs=[...] or data ID keys.")
        base = sources[0].ref.data_id if sources else DataId(instrument=self.settings.instruments[0])
        where = DataId({**base, **given})
        ref = DatasetRef(save.user_type(name, level, str(where["instrument"])), where)
        product = save.save(
            self.root,
            dataset,
            ref,
            user=self.user,
            owner=owner,
            site=self.settings.site,
            run=f"{home_of(owner)}/{name}",
            inputs=sources,
            notes=notes or {},
        )
        open_new(self.registry, self.root, [product])
        self.registry.register([product], inputs={product.id: [p.id for p in sources]})
        return product

    def get(
        self,
        dataset_type: str,
        level: str | None = None,
        *,
        file_format: str = "fits",
        target: Path | str | None = None,
        where: str = "",
        collection: str = "",
        **data_id: object,
    ) -> Path:
        """Write the one dataset that fits into a file of its own for other programs.

        Parameters
        ----------
        dataset_type, level, where, collection, data_id
            As in `open`.
        file_format
            ``fits``, ``parquet`` (tables only) or ``zarr``.
        target
            File to be made; named after the dataset in the working directory by default.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConflictError
            When the file is there already.
        """
        from hven.observatory import export

        product = self.one(dataset_type, level, where=where, collection=collection, bad=False, **data_id)
        path = Path(target) if target else Path(f"{export.file_stem(product)}.{file_format}")
        return export.export(self.root, product, self.open_product(product), file_format, path)

    def catalog(self) -> Catalog:
        """Intake catalog of the declared dataset types on this data root.

        Examples
        --------
        ::

            obs.catalog()["L1/panoseti.ph1024"](day_obs=20251021, observation="...", detector=254).read()
        """
        from hven.catalog.make import make_catalog

        return make_catalog(self.dataset_types, root=str(self.root))

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
        """
        from hven.pipeline.load import load_pipeline
        from hven.pipeline.run import run_pipeline

        if shared and self._jobs is not None and not self._jobs.operator:
            raise AccessDeniedError(f"{self.user} may not operate", hint="Without `shared` the products are your own.")
        owner = self._owner(project, shared=shared)
        instrument = self.instrument_of(pipeline)
        loaded = load_pipeline(instrument, pipeline)
        query = DataQuery.of(where, **data_id)
        engine = self._engine(client)
        try:
            return run_pipeline(
                loaded,
                instrument=instrument,
                registry=self.registry,
                settings=self.settings,
                engine=engine,
                query=query,
                run=run_name(loaded.name, _stamp(), owner=owner),
                user=self.user,
                config=config,
                collection=collection,
                progress=progress,
            )
        finally:
            engine.close()

    def _engine(self, client: Client | None) -> Engine:
        if client is None:
            from hven.cluster.make import make_engine

            return make_engine(self.settings.engine, slurm=self.settings.slurm)
        from hven.cluster.client import ClientEngine

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
        from hven.batch.jobs import JobHandle

        more: dict[str, Any] = {"job_class": job_class, "profile": profile, "shared": shared, "project": project}
        job = self.jobs.submit(_request(pipeline, where, config, data_id, environment=environment, **more))
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


def _request(
    pipeline: str, where: str, config: Changes | None, data_id: Mapping[str, Any], *, job_class: str, **more: Any
) -> JobRequest:
    from hven.batch.model import JobRequest, job_class_of

    changes = {step: dict(values) for step, values in (config or {}).items()}
    chosen = dict(DataQuery.of(**data_id).values)
    return JobRequest(
        pipeline=pipeline, values=chosen, where=where, config=changes, job_class=job_class_of(job_class), **more
    )
