"""Triage: the failures of all jobs by kind, what was decided about each, and where it happened."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.batch.triage import queries as triage
from hven.observatory import Observatory
from hven.views import formats, frame, markup, theme
from hven.views.actions import Actions
from hven.views.following import keep_fresh
from hven.views.pages import job_failures
from hven.views.pages.job_actions import operates
from hven.views.url import Url

POLL_MS = 10_000
SHOWN = 50
JOBS = 3
SHOW = {"all": "", "undecided": "undecided", "decided": "decided"}


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Kinds of failures, the most frequent first; for operators, the decision about one."""
    asked = url.get("show")
    show = pn.ui.Select(label="Show", options=SHOW, value=asked if asked in SHOW.values() else "", width=150,
                        size="small", margin=0)  # fmt: skip
    url.follow(show, "show")
    pane = markup.html("", margin=(0, 0, 3 * theme.SPACE, 0))
    ask = frame.asking() if operates(observatory.viewer) else None

    def refresh(_event: Any = None) -> None:
        kinds = [k for k in _kinds(observatory) if _is_shown(k, str(show.value))]
        markup.change(pane, _shown(observatory, kinds, url) if kinds else _none(str(show.value)))
        if buttons:
            buttons.offer(job_failures.decide(kinds[:SHOWN], observatory.viewer))

    buttons = Actions(ask, refresh) if ask else None
    refresh()
    show.param.watch(refresh, "value")
    keep_fresh(refresh, POLL_MS)
    return frame.Content("Triage", [*([buttons.view] if buttons else []), pane], [show])


def _kinds(observatory: Observatory) -> list[Any]:
    return triage.failure_kinds(observatory.settings, observatory.registry)


def _is_shown(kind: Any, asked: str) -> bool:
    return not asked or (kind.decision is None) == (asked == "undecided")


def _none(asked: str) -> str:
    what = f"No {asked} failure" if asked else "No failure"
    why = "Failed quanta of the observatory's jobs and of yours stand here by kind, with what was decided about each."
    return markup.empty(what, why, "hven jobs triage list")


def _shown(observatory: Observatory, kinds: Sequence[Any], url: Url) -> str:
    shown = kinds[:SHOWN]
    runs = [run for kind in shown for run in kind.runs[:JOBS]]
    numbers = batch.numbers(observatory.settings, runs, observatory.viewer)
    more = f", the first {SHOWN} of them" if len(kinds) > SHOWN else ", the most frequent first"
    columns = [*job_failures.COLUMNS, "Last", "Jobs"]
    rows = [[*job_failures.row(kind), (_last(kind), "number"), (_jobs(kind, numbers, url), "wrap")] for kind in shown]
    return markup.heading("Failures by kind", f"{len(kinds):,}{more}") + markup.table(columns, rows)


def _last(kind: Any) -> str:
    return formats.utc(kind.last_ns)[:16] if kind.count else "<span class='quiet'>happens no more</span>"


def _jobs(kind: Any, numbers: dict[str, int], url: Url) -> str:
    """The latest jobs in which it happened; runs that no job made by their names."""
    links = [
        markup.link(f"{numbers[run]:04d}", url.to("jobs", job=numbers[run]))
        if run in numbers
        else f"<code>{escape(run)}</code>"
        for run in kind.runs[:JOBS]
    ]
    more = f" and {len(kind.runs) - JOBS} more" if len(kind.runs) > JOBS else ""
    return ", ".join(links) + more
