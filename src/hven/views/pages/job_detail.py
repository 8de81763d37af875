"""One job: where it stands, what failed and how often, what it took beside what was expected, its log."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.observatory import Observatory
from hven.views import formats, markup, states, theme
from hven.views.actions import Actions, Ask
from hven.views.pages import job_times
from hven.views.pages.job_actions import actions
from hven.views.pages.job_failures import decide, kinds_of, shown
from hven.views.pages.job_words import counted, data, how, starts, took_s, waits
from hven.views.url import Url

LOG_LINES = 60
EVENTS = 8


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
    ask
        Asks the API in the visitor's name; None where there is none, and then there are no buttons.
    changed
        Called when the visitor has changed the job.
    """

    def __init__(
        self, observatory: Observatory, job_id: int, url: Url, ask: Ask | None, changed: Callable[[], None]
    ) -> None:
        self.job_id = job_id
        self._observatory, self._url, self._visitor = observatory, url, pn.state.user
        self._title, self._about, self._failures, self._more, self._log = (markup.html("") for _ in range(5))
        self._actions = Actions(ask, changed) if ask else None
        folded = pn.ui.Card(
            self._log, header=markup.html(f"Log, last {LOG_LINES} lines"), collapsed=True, sizing_mode="stretch_width",
            margin=(theme.SPACE, 0), elevation=0, outlined=True,
        )  # fmt: skip
        self._folded = folded
        buttons = [self._actions.view] if self._actions else []
        self.view = pn.Column(
            self._title, *buttons, self._about, self._failures, self._more, folded,
            sizing_mode="stretch_width", margin=(0, 0, 3 * theme.SPACE, 0), styles=theme.CARD,
        )  # fmt: skip

    def follow(self, job: Any) -> None:
        """Show the job as it is now."""
        markup.change(self._title, _title(job, self._url))
        kinds = kinds_of(self._observatory, job)
        markup.change(self._about, _about(job))
        markup.change(self._failures, shown(self._observatory, job, kinds))
        markup.change(self._more, _more(self._observatory, job))
        if self._actions:
            viewer = self._observatory.viewer
            steps = batch.steps(self._observatory.settings, job.id) if job.state.ended else []
            self._actions.offer([*actions(job, viewer, steps), *decide(kinds, viewer)])
        text = self._log_of(job)
        self._folded.visible = bool(text)
        markup.change(self._log, f"<pre>{escape(text)}</pre>")

    def _log_of(self, job: Any) -> str:
        """End of the log; where there are many users, its owner's alone."""
        settings = self._observatory.settings
        if settings.server is not None and job.user != self._visitor:
            return ""
        return batch.log_tail(settings, job.id, LOG_LINES)


def _title(job: Any, url: Url) -> str:
    kept = {name: url.get(name) for name in ("show", "class", "by", "before")}
    close = markup.link("close", url.to("jobs", **kept))
    chip = states.chip(job.state, "cancelling" if job.cancelling else "")
    name = f"Job {job.id:04d} · {job.request.pipeline}"
    return (
        f'<div class="between"><h2>{escape(name)} &ensp;{chip}</h2><span>{close}</span></div>'
        f"<p class='quiet'>{escape(data(job))}</p>"
    )


def _about(job: Any) -> str:
    counts = job.counts
    ended = {"Ended (UTC)": formats.utc(job.ended_ns)} if job.ended_ns else {}
    facts = {
        **({"Queue": waits(job), "Starts (UTC)": starts(job)} if job.position is not None else {}),
        "Class": escape(job.request.job_class),
        "By": escape(job.user),
        "Submitted (UTC)": formats.utc(job.submitted_ns),
        "Began (UTC)": formats.utc(job.started_ns) if job.started_ns else formats.MISSING,
        **ended,
        "Runner": escape(job.runner) or formats.MISSING,
        "Run": f"<code>{escape(job.run)}</code>" if job.run else formats.MISSING,
    }
    why = markup.said("failed", job.error, job.hint) if job.error else ""
    gap = f"<div style='height:{theme.SPACE}px'></div>"
    return f"{markup.facts(facts, plain=True)}{why}{gap}{_quanta(counts, ended=job.state.ended)}"


def _quanta(counts: Any, *, ended: bool) -> str:
    """Progress, and how the quanta ended, each with its shape."""
    if not counts.total:
        why = "It ended before its quanta were counted." if ended else "Its quanta are counted when it begins."
        return f"<p class='quiet'>{why}</p>"
    numbers = counted(counts)
    chips = " ".join(states.chip(s, f"{n:,} {states.mark(s).word}") for s, n in numbers.items() if n)
    reused = f" <span class='quiet'>{counts.reused:,} were there already</span>" if counts.reused else ""
    bar = markup.shares(numbers, counts.total)
    return f"<p>{bar}{counts.ended:,} of {counts.total:,} quanta &ensp;{chips}{reused}</p>"


def _resources(observatory: Observatory, job: Any) -> str:
    """Expected and used, side by side, and where the time went; quanta that were reused took nothing."""
    every = observatory.registry.quanta(run=job.run) if job.run else []
    expected, records = job.estimate, [r for r in every if not r.reused]
    if expected is None and not records:
        return ""
    rows = [
        ("Duration", expected and expected.wall_minutes, took_s(job) / 60 if job.started_ns else None, _minutes),
        ("Processor", expected and expected.core_minutes, sum(r.cpu_s for r in records) / 60 if records else None,
         _minutes),
        ("Peak memory", expected and expected.peak_bytes, max((r.peak_bytes for r in records), default=None),
         formats.size),
        ("Output", expected and expected.output_bytes, sum(r.output_bytes for r in records) or None, formats.size),
    ]  # fmt: skip
    cells = [[(name, ""), (_or_missing(e, write), "number"), (_or_missing(u, write), "number")]
             for name, e, u, write in rows]  # fmt: skip
    table = markup.table(["Resource", "Estimate", "Used"], cells)
    return markup.part("Resources", table) + job_times.shown(job, every)


def _more(observatory: Observatory, job: Any) -> str:
    functions = job_times.functions(batch.profile(observatory.settings, job.id)) if job.request.sample else ""
    return _resources(observatory, job) + functions + _events(observatory, job)


def _minutes(value: float) -> str:
    return formats.duration(60 * value)


def _or_missing(value: float | None, write: Callable[[float], str]) -> str:
    return formats.MISSING if not value else write(value)


def _events(observatory: Observatory, job: Any) -> str:
    """Who did what to it, the latest first."""
    events = batch.events(observatory.settings, job.id)
    rows = [
        [(formats.utc(e.time_ns), "name"), (escape(e.who), ""), (escape(e.what), "name"),
         (escape(how(e.parameters)), "wrap")]
        for e in events[:EVENTS]
    ]  # fmt: skip
    note = f"the last {EVENTS} of {len(events)}" if len(events) > EVENTS else ""
    return markup.part("Who did what", markup.table(["When (UTC)", "Who", "What", "How"], rows), note) if rows else ""
