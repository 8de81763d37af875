"""One job: where it stands, what failed and how often, what it took beside what was expected, its log."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.core.clock import NS, now_ns
from hven.observatory import Observatory
from hven.views import formats, markup, states, theme
from hven.views.pages.job_actions import Act, JobActions
from hven.views.url import Url

LOG_LINES = 60


class JobDetail:
    """Detail of one job; only what has changed is sent.

    Parameters
    ----------
    observatory
        Whose job.
    job_id
        Its number.
    url
        Address of the page.
    act
        Changes jobs in the visitor's name; None where there is no API, and then there are no buttons.
    changed
        Called when the visitor has changed the job.
    """

    def __init__(
        self, observatory: Observatory, job_id: int, url: Url, act: Act | None, changed: Callable[[], None]
    ) -> None:
        self._observatory, self._url = observatory, url
        self._about, self._log = markup.html(""), markup.html("")
        self._actions = JobActions(job_id, act, changed) if act else None
        folded = pn.ui.Card(
            self._log, title=f"Log, last {LOG_LINES} lines", collapsed=True, sizing_mode="stretch_width",
            margin=(theme.SPACE, 0), elevation=0, outlined=True,
        )  # fmt: skip
        parts = [self._about, *([self._actions.view] if self._actions else []), folded]
        self._folded = folded
        self.view = pn.Column(*parts, sizing_mode="stretch_width", margin=(0, 0, 3 * theme.SPACE, 0))

    def follow(self, job: Any) -> None:
        """Show the job as it is now."""
        markup.change(self._about, _about(self._observatory, job, self._url))
        if self._actions:
            self._actions.follow(job)
        text = batch.log_tail(self._observatory.settings, job.id, LOG_LINES)
        self._folded.visible = bool(text)
        markup.change(self._log, f"<pre>{escape(text)}</pre>")


def data(job: Any) -> str:
    """Say in words what data a job takes."""
    values = [f"{k} {', '.join(str(v) for v in vs)}" for k, vs in job.request.values.items()]
    return "; ".join([*values, *([job.request.where] if job.request.where else [])]) or "everything"


def took_s(job: Any) -> float:
    """Seconds since it began, until it ended or until now."""
    end = job.ended_ns or now_ns() // NS * NS
    return float((end - job.started_ns) / NS)


def waits(job: Any) -> str:
    """Place in the queue, for a job that has one."""
    if job.position is None:
        return formats.MISSING
    return "next" if job.position == 0 else f"{job.position} ahead"


def _about(observatory: Observatory, job: Any, url: Url) -> str:
    counts = job.counts
    facts = {
        "State": states.chip(job.state, "cancelling" if job.cancelling else ""),
        **({"Queue": waits(job)} if job.position is not None else {}),
        "By": escape(job.user),
        "Quanta": f"{counts.done} done, {counts.reused} of them reused, {counts.failed} failed, "
        f"{counts.blocked} blocked, {counts.no_work} without work, of {counts.total}",
        "Run": f"<code>{escape(job.run)}</code>" if job.run else formats.MISSING,
        "Runner": escape(job.runner) or formats.MISSING,
    }
    title = markup.heading(f"Job {job.id:04d}", job.request.pipeline)
    close = markup.link("close", url.to("jobs", show=url.get("show")))
    why = markup.said("failed", job.error, job.hint) if job.error else ""
    gap = f"<div style='height:{theme.SPACE}px'></div>"
    return (
        f"{title}<p class='quiet'>{escape(data(job))} · {close}</p>{gap}{markup.facts(facts, plain=True)}"
        f"{why}{gap}{_resources(observatory, job)}{_failures(observatory, job)}"
    )


def _resources(observatory: Observatory, job: Any) -> str:
    """Expected and used, side by side; quanta that were reused took nothing."""
    expected = job.estimate
    records = [r for r in observatory.registry.quanta(run=job.run) if not r.reused] if job.run else []
    if expected is None and not records:
        return ""
    rows = [
        ("Duration", expected and expected.wall_minutes, took_s(job) / 60 if job.started_ns else None, _minutes),
        ("Processor", expected and expected.core_minutes, sum(r.cpu_s for r in records) / 60 if records else None,
         _minutes),
        ("Peak memory", expected and expected.peak_bytes, max((r.peak_bytes for r in records), default=None),
         formats.size),
    ]  # fmt: skip
    cells = [[(name, ""), (_or_missing(e, write), "number"), (_or_missing(u, write), "number")]
             for name, e, u, write in rows]  # fmt: skip
    return markup.table(["Resource", "Estimate", "Used"], cells)


def _minutes(value: float) -> str:
    return formats.duration(60 * value)


def _or_missing(value: float | None, write: Callable[[float], str]) -> str:
    return formats.MISSING if not value else write(value)


def _failures(observatory: Observatory, job: Any) -> str:
    rows = [
        [(states.chip("failed", escape(f.flavour)), ""), (escape(f.step), ""), (str(len(f.data_ids)), "number"),
         (escape(f.error), "wrap"), (escape("; ".join(f.data_ids[:3])), "wrap")]
        for f in batch.failures(observatory.settings, job.id)
    ]  # fmt: skip
    return markup.table(["Cause", "Step", "Times", "Error", "First data IDs"], rows) if rows else ""
