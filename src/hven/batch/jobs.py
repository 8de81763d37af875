"""Jobs as their owners see them: the same verbs at the table itself and through the API."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Protocol

from hven import instruments
from hven.access.projects import owner_in
from hven.batch.environments.shelf import shelf_of
from hven.batch.estimate import estimate
from hven.batch.heartbeat import is_served
from hven.batch.model import Again, Estimate, Failure, Job, JobClass, JobRequest, JobState
from hven.batch.profile import JobProfile
from hven.batch.queries import log_tail
from hven.batch.store import JobStore
from hven.batch.times import JobTimes, times_of
from hven.batch.triage.apply import refuse_blocked
from hven.batch.triage.desk import DirectTriage, Triage
from hven.batch.visible import visible
from hven.cluster.make import find_profile
from hven.core.errors import (
    AccessDeniedError,
    UnknownNameError,
)
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.collection import home_of
from hven.pipeline.load import load_pipeline
from hven.pipeline.report import nothing_fits
from hven.registry.protocol import Registry
from hven.retention.quota import check_quota

LOG_LINES = 200


class Jobs(Protocol):
    """Submits jobs and looks after them, in the name of one user."""

    @property
    def operator(self) -> bool:
        """Whether they may submit shared jobs and change other people's."""
        ...

    def served(self) -> bool:
        """Whether the batch service gives signs of life; without it jobs wait, and nobody knows when one starts."""
        ...

    def estimate(self, request: JobRequest) -> Estimate:
        """What a job would take; raises ConfigurationError where the request does not fit its pipeline."""
        ...

    def submit(self, request: JobRequest) -> Job:
        """Queue a job.

        Raises what `estimate` raises, DatasetNotFoundError where no data fit, and AccessDeniedError for a shared job of
        somebody who may not operate, QuotaExceededError for one's own where one's space is full, and ConflictError
        where one of its tasks is blocked.
        """
        ...

    def get(self, job_id: int) -> Job:
        """Job by number; raises JobNotFoundError."""
        ...

    def find(self, *, user: str = "", states: Collection[JobState] = (), limit: int | None = None) -> list[Job]:
        """Jobs of a user (of all if empty) in some states (in any if empty), newest first."""
        ...

    def cancel(self, job_id: int) -> Job:
        """Stop a job; raises ConflictError when it has ended, AccessDeniedError for other people's jobs."""
        ...

    def hold(self, job_id: int) -> Job:
        """Keep a waiting job from starting; raises as `cancel` does."""
        ...

    def unhold(self, job_id: int) -> Job:
        """Let a held job go; raises as `cancel` does."""
        ...

    def restart(self, job_id: int, again: Again | None = None) -> Job:
        """Queue an ended job again: all that is not done, or what `again` says; raises as `cancel` and `submit` do.

        UnknownNameError for a step that its pipeline does not have.
        """
        ...

    def reclass(self, job_id: int, job_class: JobClass) -> Job:
        """Move a waiting job into another class; raises as `cancel` and `submit` do."""
        ...

    def failures(self, job_id: int) -> list[Failure]:
        """Failed quanta grouped by cause, most frequent first."""
        ...

    def products(self, job_id: int) -> list[str]:
        """Ids of the products that a job made or found, in the order in which its quanta ended."""
        ...

    def times(self, job_id: int) -> JobTimes:
        """Where the time of a job went, as far as it is."""
        ...

    def profile(self, job_id: int) -> JobProfile:
        """Which functions the time of a job went to; nothing where it was not submitted to be sampled."""
        ...

    @property
    def triage(self) -> Triage:
        """Failures by kind, and decisions about them."""
        ...

    def log(self, job_id: int, *, lines: int = LOG_LINES) -> str:
        """Last lines of a job's log, empty before it has begun; AccessDeniedError for other people's jobs."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class DirectJobs:
    """Jobs at the table itself: on the server, and in a try-out.

    Parameters
    ----------
    settings
        Of the site.
    store
        Table of jobs.
    registry
        Knows what exists; stays open.
    user
        In whose name.
    operator
        May submit shared jobs, change other people's and read their logs.
    viewer
        What this user may see of other people's jobs; all where it is not given.
    """

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        registry: Registry,
        *,
        user: str,
        operator: bool = False,
        viewer: Viewer | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.registry = registry
        self.user = user
        self.operator = operator
        self.viewer = None if operator else viewer

    def served(self) -> bool:
        """Whether the batch service was heard of lately."""
        return is_served(self.settings)

    def estimate(self, request: JobRequest) -> Estimate:
        """Count quanta and predict from the history of their tasks."""
        instrument = instruments.load(request.pipeline.partition("/")[0])
        profile = find_profile(self.settings.engine, request.profile)
        return estimate(
            load_pipeline(instrument, request.pipeline),
            instrument=instrument,
            registry=self.registry,
            query=request.query,
            config=request.config,
            owner=request.owner(self.user),
            collection=request.collection,
            cores=profile.workers * profile.threads_per_worker,
            ahead=self.store.ahead(request.job_class.priority),
        )

    def submit(self, request: JobRequest) -> Job:
        """Check the request and queue the job."""
        self._check_rights(request)
        if owner_in(self.settings, self.user, request.project, shared=request.shared) == self.user:
            check_quota(self.registry, self.settings, self.user)
        if request.environment:
            version = shelf_of(self.settings).resolve(request.environment)
            request = request.model_copy(update={"environment": version})
        else:
            instrument = instruments.load(request.pipeline.partition("/")[0])
            refuse_blocked(load_pipeline(instrument, request.pipeline), self.triage.decisions())
        expected = self.estimate(request)
        if not expected.quanta:
            raise nothing_fits(request.pipeline, request.query)
        profile = find_profile(self.settings.engine, request.profile)
        job = self.store.submit(
            request,
            user=self.user,
            estimate=expected,
            cores=profile.workers * profile.threads_per_worker,
            memory_gb=profile.workers * profile.memory_gb,
        )
        return self._forecast(self.store.get(job.id))

    def get(self, job_id: int) -> Job:
        """Job by number."""
        return self._forecast(self.store.get(job_id, visible(self.settings, self.viewer)))

    def find(self, *, user: str = "", states: Collection[JobState] = (), limit: int | None = None) -> list[Job]:
        """Jobs, newest first."""
        found = self.store.find(visible(self.settings, self.viewer), user=user, states=states, limit=limit)
        return [self._forecast(job) for job in found]

    def cancel(self, job_id: int) -> Job:
        """Stop a job."""
        return self.store.cancel(self._own(job_id), who=self.user)

    def hold(self, job_id: int) -> Job:
        """Keep a waiting job from starting."""
        return self.store.hold(self._own(job_id), who=self.user)

    def unhold(self, job_id: int) -> Job:
        """Let a held job go."""
        self._check_rights(self.get(self._own(job_id)).request)
        return self._forecast(self.store.unhold(job_id, who=self.user))

    def restart(self, job_id: int, again: Again | None = None) -> Job:
        """Queue an ended job again."""
        request = self.get(self._own(job_id)).request
        self._check_rights(request)
        if again is not None and again.step:
            pipeline = load_pipeline(instruments.load(request.pipeline.partition("/")[0]), request.pipeline)
            if again.step not in pipeline.steps:
                raise UnknownNameError("step", again.step, pipeline.steps)
        return self._forecast(self.store.restart(job_id, who=self.user, again=again))

    def reclass(self, job_id: int, job_class: JobClass) -> Job:
        """Move a waiting job into another class."""
        request = self.get(self._own(job_id)).request
        self._check_rights(request.model_copy(update={"job_class": job_class}))
        return self._forecast(self.store.reclass(job_id, job_class, who=self.user))

    def failures(self, job_id: int) -> list[Failure]:
        """Failed quanta grouped by cause."""
        self.get(job_id)
        return self.store.failures(job_id)

    def products(self, job_id: int) -> list[str]:
        """Ids of products, from the records of the job's run."""
        records = self.registry.quanta(run=self.get(job_id).run)
        return list(dict.fromkeys(product for record in reversed(records) for product in record.products))

    def times(self, job_id: int) -> JobTimes:
        """Where the time of a job went, from the records of its run."""
        job = self.get(job_id)
        return times_of(job, self.registry.quanta(run=job.run))

    def profile(self, job_id: int) -> JobProfile:
        """Which functions the time of a job went to."""
        return self.store.profile(self.get(job_id).id)

    @cached_property
    def triage(self) -> DirectTriage:
        """Failures by kind, and decisions about them."""
        return DirectTriage(self)

    def log(self, job_id: int, *, lines: int = LOG_LINES) -> str:
        """Last lines of the job's log."""
        return log_tail(self.settings, self._own(job_id), lines)

    def close(self) -> None:
        """Close the table's connections."""
        self.store.database.close()

    def _forecast(self, job: Job) -> Job:
        """The job, which nobody expects to start where no service would start it."""
        if job.expected_start_ns is None or self.served():
            return job
        return job.model_copy(update={"expected_start_ns": None})

    def _own(self, job_id: int) -> int:
        owner = self.get(job_id).user
        if not self.operator and owner != self.user:
            raise AccessDeniedError(f"job {job_id} is {owner}'s", hint="Its owner and operators may do that.")
        return job_id

    def _check_rights(self, request: JobRequest) -> None:
        instrument, owner = request.pipeline.partition("/")[0], request.owner(self.user)
        home = home_of(owner) if owner else f"{instrument}/runs"
        if request.run and not request.run.startswith(f"{home}/"):
            raise AccessDeniedError(
                f"products of this job cannot be born in {request.run}",
                hint=f"The name has to begin with {home}/.",
            )
        if self.operator:
            return
        if request.job_class != JobClass.DATA_ACCESS:
            raise AccessDeniedError(
                f"{self.user} may not submit jobs of class {request.job_class}",
                hint=f"People's own work is of class {JobClass.DATA_ACCESS}; the others are for operators.",
            )
        if request.shared:
            raise AccessDeniedError(
                f"{self.user} may not run shared processing",
                hint="Without `shared` the products are your own; an operator makes them for everybody.",
            )
