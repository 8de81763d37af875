"""Jobs: what is being processed, and what went wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.core.clock import NS, now_ns
from hven.observatory import Observatory
from hven.views import formats, markup, states, theme
from hven.views.frame import Content
from hven.views.url import Url

POLL_MS = 2000
SHOWN = 50
CHOICES = {"all": "", "queued": "queued", "running": "running", "ended": "ended"}
GROUPS = {
    "queued": ("UNREADY", "READY", "HELD"),
    "running": ("PENDING", "RUNNING"),
    "ended": ("SUCCEEDED", "FAILED", "DELETED"),
}
LOG_LINES = 60


def page(observatory: Observatory, url: Url) -> Content:
    """Queue, running and finished jobs; a job's failures by cause, its estimate and its log."""
    show = pn.ui.Select(label="Show", options=CHOICES, value=_valid(url.get("show")), width=140, size="small", margin=0)
    body = pn.Column(sizing_mode="stretch_width", margin=0)
    seen: dict[str, str] = {}

    def refresh(_event: Any = None) -> None:
        jobs = batch.jobs(observatory.settings, limit=SHOWN)
        parts = _parts(observatory, url, jobs, str(show.value))
        text = "".join(parts)
        if seen.get("text") != text:  # what has not changed is not sent
            seen["text"] = text
            body.objects = [markup.html(p, margin=(0, 0, 3 * theme.SPACE, 0)) for p in parts]

    refresh()
    show.param.watch(refresh, "value")
    pn.state.add_periodic_callback(refresh, POLL_MS)
    return Content("Jobs", [body], [url.follow(show, "show")])


def _valid(text: str) -> str:
    return text if text in CHOICES.values() else ""


def _parts(observatory: Observatory, url: Url, jobs: list[Any], group: str) -> list[str]:
    if not jobs:
        nothing = markup.empty("No job yet", "Submit one from the form in a notebook, or on the command line.",
                               "hven submit panoseti/nightly --day-obs 20251021")  # fmt: skip
        return [nothing]
    asked = url.whole("job")
    chosen = [j for j in jobs if not group or j.state in GROUPS[group]]
    detail = next((j for j in jobs if j.id == asked), None)
    parts = [markup.facts(_counts(jobs)), _table(url, chosen, group)]
    return [*([_detail(observatory, detail, url)] if detail else []), *parts]


def _counts(jobs: list[Any]) -> dict[str, str]:
    return {name: str(sum(j.state in members for j in jobs)) for name, members in GROUPS.items()}


def _table(url: Url, jobs: list[Any], group: str) -> str:
    if not jobs:
        return markup.empty(f"No {group} job", "Choose “all” to see the others.")
    columns = ["Job", "State", "Pipeline", "Data", "Progress", "By", "Submitted (UTC)", "Took", "Message"]
    return markup.heading("Jobs", f"the newest {len(jobs)}") + markup.table(columns, [_row(url, j) for j in jobs])


def _row(url: Url, job: Any) -> list[markup.Cell]:
    end = job.ended_ns or (now_ns() // NS * NS if job.started_ns else 0)
    took = formats.duration((end - job.started_ns) / NS) if job.started_ns else _queue(job)
    return [
        (markup.link(f"{job.id:04d}", url.to("jobs", job=job.id)), ""),
        (states.chip(job.state, "cancelling" if job.cancelling else ""), ""),
        (escape(job.request.pipeline), ""),
        (escape(data(job)), "wrap"),
        (_progress(job), ""),
        (escape(job.user), ""),
        (formats.utc(job.submitted_ns), "number"),
        (took, "number"),
        (escape(job.error or job.message), "wrap"),
    ]


def data(job: Any) -> str:
    """Say in words what data a job takes."""
    values = [f"{k} {', '.join(str(v) for v in vs)}" for k, vs in job.request.values.items()]
    return "; ".join([*values, *([job.request.where] if job.request.where else [])]) or "everything"


def _queue(job: Any) -> str:
    return f"{job.position} ahead" if job.position is not None else formats.MISSING


def _progress(job: Any) -> str:
    counts = job.counts
    if not counts.total:
        return formats.MISSING
    failed = f", {counts.failed} failed" if counts.failed else ""
    blocked = f", {counts.blocked} blocked" if counts.blocked else ""
    return markup.bar(counts.ended / counts.total, f"{counts.ended}/{counts.total}{failed}{blocked}")


def _detail(observatory: Observatory, job: Any, url: Url) -> str:
    facts = {
        "State": states.chip(job.state),
        "Quanta": f"{job.counts.done} done, {job.counts.reused} of them reused, {job.counts.failed} failed, "
        f"{job.counts.blocked} blocked",
        "Run": f"<code>{escape(job.run)}</code>",
        "Runner": escape(job.runner) or formats.MISSING,
        "Estimate": _estimate(job),
    }
    failures = batch.failures(observatory.settings, job.id)
    rows = [
        [(states.chip("failed", escape(f.flavour)), ""), (escape(f.step), ""), (str(len(f.data_ids)), "number"),
         (escape(f.error), "wrap"), (escape("; ".join(f.data_ids[:3])), "wrap")]
        for f in failures
    ]  # fmt: skip
    causes = markup.table(["Cause", "Step", "Times", "Error", "First data IDs"], rows) if rows else ""
    log = batch.log_tail(observatory.settings, job.id, LOG_LINES)
    tail = f"<details><summary>Log, last {LOG_LINES} lines</summary><pre>{escape(log)}</pre></details>" if log else ""
    hint = f"<p>{escape(job.hint)}</p>" if job.hint else ""
    close = markup.link("close", url.to("jobs"))
    return (
        f"{markup.heading(f'Job {job.id:04d}', job.request.pipeline)}<p class='quiet'>{escape(data(job))} · {close}</p>"
        f"<div style='height:8px'></div>{markup.facts(facts, plain=True)}{hint}{causes}{tail}"
    )


def _estimate(job: Any) -> str:
    estimate = job.estimate
    if estimate is None or estimate.wall_minutes is None:
        return formats.MISSING
    peak = f", peak {formats.size(estimate.peak_bytes)}" if estimate.peak_bytes else ""
    return f"{formats.duration(60 * estimate.wall_minutes)}{peak}"
