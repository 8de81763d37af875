"""What came of a command's job: counts and quality."""

from __future__ import annotations

from hven import instruments
from hven.batch.commands.model import Command, Summary
from hven.batch.jobs import DirectJobs
from hven.batch.model import Job
from hven.batch.quality import quality_of


def summary_of(command: Command, job: Job, jobs: DirectJobs) -> Summary:
    """Counts by outcome and quality of what a job made."""
    products = [jobs.registry.get(i) for i in jobs.products(job.id)]
    instrument = instruments.load(command.request.instrument)
    quality = quality_of(products, jobs.settings.root, instrument)
    return Summary(
        counts=job.counts,
        collection=job.run,
        products=len(products),
        qc=quality.status,
        judged=quality.judged,
        errors=quality.errors,
        warnings=quality.warnings,
    )
