"""What runs of jobs takes of the machines, by class and user."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby

from hven.batch.model import Job
from hven.views import markup


def shown(running: Iterable[Job]) -> str:
    """A row for each class and user whose jobs run now."""
    head = markup.heading("Dask clusters of jobs", "what runs now")
    ordered = sorted(running, key=_who)
    if not ordered:
        return head + markup.empty("No job runs", "Clusters of jobs begin and end with them.")
    rows = [_row(who, list(jobs)) for who, jobs in groupby(ordered, key=_who)]
    return head + markup.table(["Class", "User", "Jobs", "Cores", "Memory"], rows)


def _who(job: Job) -> tuple[str, str]:
    return str(job.request.job_class), job.user


def _row(who: tuple[str, str], jobs: list[Job]) -> list[markup.Cell]:
    cores, memory = sum(job.cores for job in jobs), sum(job.memory_gb for job in jobs)
    return [
        *((escape(name), "") for name in who), (str(len(jobs)), "number"), (str(cores), "number"),
        (f"{memory:g} GB", "number"),
    ]  # fmt: skip
