"""A calibration set that a control system commands: taken in a thread, whose pipelines are jobs of the command."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hven import instruments
from hven.batch.commands.model import Command, Summary
from hven.batch.jobs import DirectJobs
from hven.batch.model import Counts, Job, JobRequest, JobState
from hven.calibration.take import Taken, take
from hven.calibration.workshop import Workshop
from hven.core.errors import CancelledError, ConflictError, DatasetNotFoundError
from hven.model.metric import Status
from hven.model.product import Product
from hven.model.query import DataQuery

_POLL_S = 0.25


@dataclass(slots=True)
class CalibrationRun:
    """Takes the calibration set of one command; done again after a restart, it finds its jobs again.

    Parameters
    ----------
    command
        What was commanded.
    jobs
        Batch service in the name of the service account.
    aborting
        Whether somebody wants it stopped.
    """

    command: Command
    jobs: DirectJobs
    aborting: Callable[[], bool]
    _done: list[Job] = field(default_factory=list)

    def take(self) -> Summary:
        """Prepare, choose, build, verify and certify.

        Raises
        ------
        CancelledError
            When it was aborted.
        HvenError
            As of `hven.calibration.take.take`.
        """
        wanted, request = self.command.request.calibration, self.command.request
        assert wanted is not None  # noqa: S101 - the caller has looked
        instrument = instruments.load(request.instrument)
        who = f"command {request.id}"
        place = Workshop(self.jobs.settings.root, self.jobs.registry, instrument, self._process, who)
        before = self.jobs.registry.certifications(collection=place.certified_in(wanted.name.partition("/")[2]))
        taken = take(
            place,
            wanted.name,
            request.query,
            begin_ns=wanted.begin_ns,
            end_ns=wanted.end_ns,
            supersede=wanted.supersede or any(one.who == who for one in before),
        )
        return self._summary(taken)

    def _process(self, pipeline: str, query: DataQuery, collection: str) -> Sequence[Product]:
        if self.aborting():
            raise CancelledError("it was to stop")
        request = JobRequest(
            pipeline=pipeline,
            values=dict(query.values),
            where=query.where,
            collection=collection,
            job_class=self.command.request.priority,
            shared=True,
            run=f"{self.command.request.run}/{len(self._done) + 1}",
        )
        try:
            job = self._wait(self.jobs.submit(request))
        except DatasetNotFoundError:  # what is missing is told by who needs it
            return ()
        self._done.append(job)
        return [self.jobs.registry.get(product_id) for product_id in self.jobs.products(job.id)]

    def _wait(self, job: Job) -> Job:
        while not job.state.ended:
            if self.aborting() and not job.cancelling:
                self._cancel(job)
            time.sleep(_POLL_S)
            job = self.jobs.get(job.id)
        if job.state == JobState.DELETED:
            raise CancelledError(f"job {job.id} was cancelled")
        return job

    def _cancel(self, job: Job) -> None:
        try:
            self.jobs.cancel(job.id)
        except ConflictError:
            return  # it has ended meanwhile

    def _summary(self, taken: Taken) -> Summary:
        statuses = [verdict.status for verdict in taken.verdicts]
        return Summary(
            counts=sum_of([job.counts for job in self._done]),
            collection=self.command.request.run,
            products=len(taken.verdicts),
            qc=taken.status,
            judged=len(statuses),
            errors=sum(not verdict.accepted for verdict in taken.verdicts),
            warnings=statuses.count(Status.WARNING),
            certified=tuple(validity.product_id for validity in taken.certified),
            verdicts=tuple(f"{v.product.ref.data_id}: {v.status}: {v.why}" for v in taken.verdicts),
        )


def sum_of(counts: Sequence[Counts]) -> Counts:
    """Counts of several jobs together.

    Examples
    --------
    >>> sum_of([Counts(total=2, done=1, failed=1), Counts(total=3, done=3)]).done
    4
    """
    return Counts(**{name: sum(getattr(one, name) for one in counts) for name in Counts.model_fields})
