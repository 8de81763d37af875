"""Calibrations through the batch service: each pipeline that one takes is a job."""

from __future__ import annotations

from collections.abc import Sequence

from hven.batch.handle import JobHandle
from hven.batch.jobs import Jobs
from hven.batch.model import JobClass, JobRequest
from hven.calibration.workshop import Process
from hven.core.errors import DatasetNotFoundError
from hven.model.product import Product
from hven.model.query import DataQuery
from hven.registry.protocol import Registry


def process_in_jobs(jobs: Jobs, registry: Registry, *, job_class: JobClass, shared: bool = True) -> Process:
    """What runs the pipelines of a `hven.calibration.workshop.Workshop` as jobs, and waits for each.

    Parameters
    ----------
    jobs
        In whose name.
    registry
        Knows what the jobs have made.
    job_class
        ``ocs-driven`` for what a control system commands, else ``calibration``.
    shared
        Make the observatory's products.
    """

    def process(pipeline: str, query: DataQuery, collection: str) -> Sequence[Product]:
        request = JobRequest(
            pipeline=pipeline,
            values=dict(query.values),
            where=query.where,
            collection=collection,
            shared=shared,
            job_class=job_class,
        )
        try:
            job = jobs.submit(request)
        except DatasetNotFoundError:  # nothing to do is no failure: what is missing is told by who needs it
            return ()
        return [registry.get(product_id) for product_id in JobHandle(jobs, job.id).result().products]

    return process
