"""Jobs: what is being processed, and what went wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.pages.job_detail import JobDetail, data, took_s, waits
from hven.views.url import Url

POLL_MS = 2000
SHOWN = 50
CHOICES = {"all": "", "queued": "queued", "running": "running", "ended": "ended"}
GROUPS = {
    "queued": ("UNREADY", "READY", "HELD"),
    "running": ("PENDING", "RUNNING"),
    "ended": ("SUCCEEDED", "FAILED", "DELETED"),
}
COLUMNS = ("Job", "State", "Pipeline", "Data", "Progress", "By", "Submitted (UTC)", "Took", "Message")


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Queue, running and finished jobs; one job's failures, its estimate, its log, and what can be done to it."""
    show = pn.ui.Select(label="Show", options=CHOICES, value=_valid(url.get("show")), width=140, size="small", margin=0)
    listed = markup.html("", margin=(0, 0, 3 * theme.SPACE, 0))

    def refresh(_event: Any = None) -> None:
        jobs = batch.jobs(observatory.settings, limit=SHOWN)
        markup.change(listed, _list(url, jobs, str(show.value)))
        chosen = next((j for j in jobs if j.id == asked), None)
        if detail and chosen:
            detail.follow(chosen)

    asked = url.whole("job")
    known = any(j.id == asked for j in batch.jobs(observatory.settings, limit=SHOWN))
    detail = JobDetail(observatory, asked, url, frame.job_actions(), refresh) if known and asked is not None else None
    refresh()
    show.param.watch(refresh, "value")
    pn.state.add_periodic_callback(refresh, POLL_MS)
    return frame.Content("Jobs", [*([detail.view] if detail else []), listed], [url.follow(show, "show")])


def _valid(text: str) -> str:
    return text if text in CHOICES.values() else ""


def _list(url: Url, jobs: list[Any], group: str) -> str:
    if not jobs:
        return markup.empty("No job yet", "Submit one from the form in a notebook, or on the command line.",
                            "hven submit panoseti/nightly --day-obs 20251021")  # fmt: skip
    chosen = [j for j in jobs if not group or j.state in GROUPS[group]]
    return _absent(url.whole("job"), jobs) + markup.facts(_counts(jobs)) + _table(url, chosen, group)


def _absent(asked: int | None, jobs: list[Any]) -> str:
    if asked is None or any(j.id == asked for j in jobs):
        return ""
    return markup.empty(f"Job {asked:04d} is not among the newest {SHOWN}", "", f"hven jobs show {asked}")


def _counts(jobs: list[Any]) -> dict[str, str]:
    return {name: str(sum(j.state in members for j in jobs)) for name, members in GROUPS.items()}


def _table(url: Url, jobs: list[Any], group: str) -> str:
    gap = f"<div style='height:{2 * theme.SPACE}px'></div>"
    if not jobs:
        return gap + markup.empty(f"No {group} job", "Choose “all” to see the others.")
    head = markup.heading("Jobs", f"the newest {len(jobs)}")
    return gap + head + markup.table(list(COLUMNS), [_row(url, j) for j in jobs])


def _row(url: Url, job: Any) -> list[markup.Cell]:
    return [
        (markup.link(f"{job.id:04d}", url.to("jobs", job=job.id, show=url.get("show"))), ""),
        (states.chip(job.state, "cancelling" if job.cancelling else ""), ""),
        (escape(job.request.pipeline), ""),
        (escape(data(job)), "wrap"),
        (_progress(job), ""),
        (escape(job.user), ""),
        (formats.utc(job.submitted_ns), "number"),
        (formats.duration(took_s(job)) if job.started_ns else waits(job), "number"),
        (escape(job.error or job.message), "wrap"),
    ]


def _progress(job: Any) -> str:
    counts = job.counts
    if not counts.total:
        return formats.MISSING
    failed = f", {counts.failed} failed" if counts.failed else ""
    blocked = f", {counts.blocked} blocked" if counts.blocked else ""
    return markup.bar(counts.ended / counts.total, f"{counts.ended}/{counts.total}{failed}{blocked}")
