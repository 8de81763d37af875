"""Where the time of a job went: by step, and by worker."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from hven.batch import queries as batch
from hven.views import formats, markup

WORKERS = 8
HOTTEST = 5
_PARTS = ("waiting_s", "reading_s", "computing_s", "writing_s", "publishing_s", "cpu_s")


def shown(job: Any, records: Sequence[Any]) -> str:
    """Times of a job's steps and workers; nothing before its first quantum has ended."""
    if not records:
        return ""
    times = batch.times_of(job, records)
    columns = ["Step", "Quanta", "Waiting", "Reading", "Computing", "Writing", "Publishing", "Processor", "Output"]
    note = f"waited {formats.duration(times.queued_s)}, ran {formats.duration(times.ran_s)}"
    steps = markup.part("Where the time went", markup.table(columns, map(_step, times.tasks)), note)
    if not times.workers:
        return steps
    most = max(worker.busy_s for worker in times.workers) or 1.0
    return steps + markup.table(["Worker", "Quanta", "Busy"], [_worker(w, most) for w in times.workers[:WORKERS]])


def functions(profile: Any) -> str:
    """Functions to which the time of a sampled job went."""
    rows = [
        [(escape(step.step), "name"), (f"<code>{escape(one.function)}</code>", "wrap"),
         (_seconds(one.own_s), "number"), (_seconds(one.whole_s), "number")]
        for step in profile.steps for one in step.hottest(HOTTEST)
    ]  # fmt: skip
    columns = ["Step", "Function", "In itself", "With what it calls"]
    return markup.part("Functions", markup.table(columns, rows), "of all workers, sampled") if rows else ""


def _step(task: Any) -> list[markup.Cell]:
    reused = f"<br><span class='quiet'>{task.reused:,} reused</span>" if task.reused else ""
    return [
        (f"{escape(task.step)}<br><span class='quiet'>{escape(task.task)} {escape(task.version)}</span>", "name"),
        (f"{sum(task.states.values()):,}{reused}", "number"),
        *((_seconds(getattr(task, part)), "number") for part in _PARTS),
        (formats.size(task.output_bytes) if task.output_bytes else formats.MISSING, "number"),
    ]


def _seconds(value: float) -> str:
    return formats.duration(value) if value > 0 else formats.MISSING


def _worker(worker: Any, most: float) -> list[markup.Cell]:
    busy = markup.bar(worker.busy_s / most, formats.duration(worker.busy_s))
    return [(escape(worker.worker), "name"), (f"{worker.quanta:,}", "number"), (busy, "name")]
