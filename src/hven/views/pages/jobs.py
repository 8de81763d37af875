"""Jobs: what is being processed, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.batch.model import JobState
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.pages.job_detail import JobDetail, data, took_s, waits
from hven.views.url import Url

POLL_MS = 2000
SHOWN = 50
GROUPS: dict[str, tuple[JobState, ...]] = {
    "queued": (JobState.UNREADY, JobState.READY),
    "running": (JobState.PENDING, JobState.RUNNING),
    "held": (JobState.HELD,),
    "failed": (JobState.FAILED,),
    "succeeded": (JobState.SUCCEEDED,),
    "deleted": (JobState.DELETED,),
}
"""What a page can show of the jobs, and the states in which those are."""
EVERYBODY = "everybody"
COLUMNS = ("Job", "State", "Pipeline", "Data", "Progress", "By", "Submitted (UTC)", "Took", "Message")


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Queue, running and finished jobs; one job's failures, its estimate, its log, and what can be done to it."""
    settings = observatory.settings
    tally = batch.tally(settings, observatory.viewer)
    show = _choice("Show", {"all": "", **{name: name for name in GROUPS}}, url.get("show"), 150)
    by = _choice("By", {EVERYBODY: "", **{u: u for u in sorted({u for u, _ in tally})}}, url.get("by"), 170)
    listed = markup.html("", margin=(0, 0, 3 * theme.SPACE, 0))
    asked = url.whole("job")
    found = batch.job(settings, asked, observatory.viewer) if asked is not None else None

    def refresh(_event: Any = None) -> None:
        choice = {"show": str(show.value), "by": str(by.value)}
        markup.change(listed, _list(observatory, url, choice))
        if detail and (job := batch.job(settings, detail.job_id, observatory.viewer)):
            detail.follow(job)

    def choose(_event: Any) -> None:
        url.set(show=show.value, by=by.value, before="")
        refresh()

    detail = JobDetail(observatory, found.id, url, frame.job_actions(), refresh) if found else None
    refresh()
    show.param.watch(choose, "value")
    by.param.watch(choose, "value")
    pn.state.add_periodic_callback(refresh, POLL_MS)
    first = [detail.view] if detail else [markup.html(_absent(asked))] if asked is not None else []
    return frame.Content("Jobs", [*first, listed], [show, by], about=f"{asked:04d}" if asked is not None else "")


def _choice(label: str, options: dict[str, str], asked: str, width: int) -> pn.ui.Select:
    value = asked if asked in options.values() else ""
    return pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)


def _absent(asked: int) -> str:
    return markup.empty(f"There is no job {asked:04d}", "The number is wrong, or the job table was begun anew.",
                        "hven jobs list --all") + _gap(2)  # fmt: skip


def _list(observatory: Observatory, url: Url, choice: Mapping[str, str]) -> str:
    tally = batch.tally(observatory.settings, observatory.viewer)
    if not tally:
        return markup.empty("No job yet", "Submit one from the form in a notebook, or on the command line.",
                            "hven submit panoseti/nightly --day-obs 20251021")  # fmt: skip
    wanted, before = GROUPS.get(choice["show"], ()), url.whole("before")
    jobs = batch.jobs(
        observatory.settings, observatory.viewer, user=choice["by"], states=wanted, before=before, limit=SHOWN + 1
    )
    return _counts(url, choice, tally) + _table(url, choice, jobs)


def _counts(url: Url, choice: Mapping[str, str], tally: Mapping[tuple[str, JobState], int]) -> str:
    """How many jobs are where; each number leads to its jobs."""
    counts = {
        name: sum(n for (user, state), n in tally.items() if state in members and choice["by"] in ("", user))
        for name, members in GROUPS.items()
    }
    return markup.facts({
        name: markup.link(str(n), url.to("jobs", show=name, by=choice["by"])) if n else "0"
        for name, n in counts.items()
    })  # fmt: skip


def _table(url: Url, choice: Mapping[str, str], jobs: list[Any]) -> str:
    if not jobs:
        whose = f" of {choice['by']}" if choice["by"] else ""
        older = f" before job {url.whole('before'):04d}" if url.whole("before") else ""
        return _gap(2) + markup.empty(
            f"No {choice['show']} job{whose}{older}", "Choose “all” and “everybody” to see the others."
        )
    shown = jobs[:SHOWN]
    note = f"{shown[-1].id:04d} to {shown[0].id:04d}, the newest first"
    rows = markup.table(list(COLUMNS), [_row(url, choice, j) for j in shown])
    return _gap(2) + markup.heading("Jobs", note) + rows + _paging(url, choice, jobs)


def _paging(url: Url, choice: Mapping[str, str], jobs: list[Any]) -> str:
    links = []
    if url.whole("before"):
        links.append(markup.link("newest", url.to("jobs", **choice)))
    if len(jobs) > SHOWN:
        links.append(
            markup.link(f"older than {jobs[SHOWN - 1].id:04d}", url.to("jobs", **choice, before=jobs[SHOWN - 1].id))
        )
    return f"<p class='paging'>{' · '.join(links)}</p>" if links else ""


def _gap(steps: int) -> str:
    return f"<div style='height:{steps * theme.SPACE}px'></div>"


def _row(url: Url, choice: Mapping[str, str], job: Any) -> list[markup.Cell]:
    kept = {**choice, "before": url.get("before")}
    return [
        (markup.link(f"{job.id:04d}", url.to("jobs", job=job.id, **kept)), ""),
        (states.chip(job.state, "cancelling" if job.cancelling else ""), ""),
        (escape(job.request.pipeline), "name"),
        (escape(data(job)), "wrap"),
        (_progress(job), "name"),
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
