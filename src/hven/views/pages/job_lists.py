"""The lists of the Jobs board: what runs, what waits, what has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from hven.core.clock import NS, now_ns
from hven.views import formats, markup, states
from hven.views.pages import job_words

Opens = Callable[[int], str]
"""Address of a job's detail."""

_PER_MINUTE = 60
_MINUTE_NS = 60 * NS


def running(jobs: Sequence[Any], paces: Mapping[int, float], opens: Opens) -> str:
    """Jobs that run, with their pace and what is left."""
    head = markup.heading("Running", f"{len(jobs)}" if jobs else "")
    if not jobs:
        return f"{head}<p class='quiet'>Nothing runs.</p>"
    columns = ["Job", "State", "Pipeline", "Data", "Quanta", "Pace", "Left", "Runs for", "By", "Message"]
    return head + markup.table(columns, [_running(j, paces.get(j.id, 0.0), opens) for j in jobs])


def _running(job: Any, pace: float, opens: Opens) -> list[markup.Cell]:
    first, *middle = _named(job, opens)
    return [
        first, *middle,
        (job_words.progress(job), "name"), (_pace(pace), "number"), (_left(job, pace), "number"),
        (job_words.took(job), "number"), _whose(job), (escape(job.message), "wrap"),
    ]  # fmt: skip


def _pace(pace: float) -> str:
    if not pace:
        return formats.MISSING
    return f"{formats.number(pace)} / s" if pace >= 1 else f"{formats.number(_PER_MINUTE * pace)} / min"


def _left(job: Any, pace: float) -> str:
    counts = job.counts
    if pace and counts.total:
        return _about((counts.total - counts.ended) / pace)
    rest = job_words.expected_s(job) - job_words.took_s(job) if job.started_ns else 0.0
    return _about(rest) if rest > 0 else formats.MISSING


def _about(seconds: float) -> str:
    text = formats.roughly(seconds)
    return text if text.startswith("less") else f"about {text}"


def queue(jobs: Sequence[Any], shown: int, opens: Opens) -> str:
    """Jobs that wait, in the order in which they go, and those that are held."""
    more = f", the first {shown} of them" if len(jobs) > shown else ", those that go first first" if jobs else ""
    head = markup.heading("Queue", f"{len(jobs):,}{more}" if jobs else "")
    if not jobs:
        return f"{head}<p class='quiet'>Nobody waits.</p>"
    columns = ["Job", "State", "Pipeline", "Data", "Place", "Starts (UTC)", "Expected to take", "Waits for", "By"]
    return head + markup.table(columns, [_waiting(j, opens) for j in jobs[:shown]])


def _waiting(job: Any, opens: Opens) -> list[markup.Cell]:
    expected = job_words.expected_s(job)
    return [
        *_named(job, opens),
        (job_words.waits(job), "number"),
        (job_words.starts(job), "number"),
        (formats.roughly(expected) if expected else formats.MISSING, "number"),
        (_since(job.submitted_ns), "number"),
        _whose(job),
    ]  # fmt: skip


def _since(time_ns: int) -> str:
    """Whole minutes since a time, so that the list does not change all the time."""
    return formats.roughly((now_ns() - time_ns) // _MINUTE_NS * 60.0)


def ended(jobs: Sequence[Any], opens: Opens, paging: str) -> str:
    """Jobs that have ended, the newest first."""
    head = markup.heading("Ended", f"{jobs[-1].id:04d} to {jobs[0].id:04d}, the newest first" if jobs else "")
    if not jobs:
        return f"{head}<p class='quiet'>None has ended.</p>"
    columns = ["Job", "State", "Pipeline", "Data", "Quanta", "Took", "Ended (UTC)", "By", "Message"]
    return head + markup.table(columns, [_ended(j, opens) for j in jobs]) + paging


def _ended(job: Any, opens: Opens) -> list[markup.Cell]:
    return [
        *_named(job, opens),
        (job_words.progress(job), "name"), (job_words.took(job), "number"), (formats.utc(job.ended_ns), "number"),
        _whose(job), (escape(job.error), "wrap"),
    ]  # fmt: skip


def _named(job: Any, opens: Opens) -> list[markup.Cell]:
    return [
        (markup.link(f"{job.id:04d}", opens(job.id)), ""),
        (states.chip(job.state, "cancelling" if job.cancelling else ""), ""),
        (escape(job.request.pipeline), "name"),
        (escape(job_words.data(job)), "wrap"),
    ]


def _whose(job: Any) -> markup.Cell:
    return f"{escape(job.user)}<br><span class='quiet'>{escape(job.request.job_class)}</span>", "name"
