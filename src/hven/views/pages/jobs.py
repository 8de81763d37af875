"""Jobs: what is being processed, what waits, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.batch.model import JobClass, JobState
from hven.observatory import Observatory
from hven.views import frame, markup, theme
from hven.views.following import keep_fresh
from hven.views.pages import job_lists
from hven.views.pages.job_detail import JobDetail
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
LISTS = {"running": ("running",), "queue": ("queued", "held"), "ended": ("failed", "succeeded", "deleted")}
"""Lists of the page, and which groups are in each."""
EVERYBODY = "everybody"


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Running, waiting and ended jobs; one job's failures, its estimate, its log, and what can be done to it."""
    board = Board(observatory, url)
    asked = url.whole("job")
    found = batch.job(observatory.settings, asked, observatory.viewer) if asked is not None else None
    detail = JobDetail(observatory, found.id, url, frame.asking(), board.refresh) if found else None
    if detail:
        board.also(partial(_follow, detail, observatory))
    board.refresh()
    keep_fresh(board.refresh, POLL_MS)
    first = [detail.view] if detail else [markup.html(_absent(asked))] if asked is not None else []
    return frame.Content(
        "Jobs", [*first, board.view], board.controls, about=f"{asked:04d}" if asked is not None else ""
    )


def _follow(detail: JobDetail, observatory: Observatory) -> None:
    if job := batch.job(observatory.settings, detail.job_id, observatory.viewer):
        detail.follow(job)


def _absent(asked: int) -> str:
    return markup.empty(f"There is no job {asked:04d}", "The number is wrong, or the job table was begun anew.",
                        "hven jobs list --all") + f"<div style='height:{2 * theme.SPACE}px'></div>"  # fmt: skip


class Board:
    """The lists of jobs and what chooses among them; only lists that have changed are sent.

    Parameters
    ----------
    observatory
        Whose jobs.
    url
        Keeps what is chosen.
    """

    def __init__(self, observatory: Observatory, url: Url) -> None:
        self._observatory, self._url = observatory, url
        self._also: list[Callable[[], None]] = []
        users = sorted({t.user for t in batch.tally(observatory.settings, observatory.viewer)})
        self._show = _choice("Show", {"all": "", **{name: name for name in GROUPS}}, url.get("show"), 150)
        self._class = _choice("Class", {"all": "", **{str(c): str(c) for c in JobClass}}, url.get("class"), 160)
        self._by = _choice("By", {EVERYBODY: "", **{u: u for u in users}}, url.get("by"), 170)
        self.controls = (self._show, self._class, self._by)
        self._counts = markup.html("", margin=(0, 0, 2 * theme.SPACE, 0))
        self._lists = {name: markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for name in LISTS}
        self.view = pn.Column(self._counts, *self._lists.values(), sizing_mode="stretch_width", margin=0)
        for chooser in self.controls:
            chooser.param.watch(self._choose, "value")

    def also(self, follow: Callable[[], None]) -> None:
        """Refresh something else, too."""
        self._also.append(follow)

    def refresh(self, _event: Any = None) -> None:
        """Show the jobs as they are now."""
        tally = batch.tally(self._observatory.settings, self._observatory.viewer)
        markup.change(self._counts, self._counted(tally) if tally else _none())
        for name, pane in self._lists.items():
            groups = [g for g in LISTS[name] if self._show.value in ("", g)]
            pane.visible = bool(tally and groups)
            if pane.visible:
                markup.change(pane, getattr(self, f"_{name}")([s for g in groups for s in GROUPS[g]]))
        for follow in self._also:
            follow()

    def _choose(self, _event: Any) -> None:
        self._url.set(**self._choice(), before="")
        self.refresh()

    def _choice(self) -> dict[str, str]:
        return {"show": str(self._show.value), "class": str(self._class.value), "by": str(self._by.value)}

    def _opens(self, job_id: int) -> str:
        return self._url.to("jobs", job=job_id, **self._choice(), before=self._url.get("before"))

    def _chosen(self) -> dict[str, Any]:
        asked = str(self._class.value)
        return {"user": str(self._by.value), "job_class": JobClass(asked) if asked else None}

    def _counted(self, tally: Sequence[batch.Tally]) -> str:
        """How many jobs are where; each number leads to its jobs."""
        mine = [t for t in tally if self._by.value in ("", t.user) and self._class.value in ("", t.job_class)]
        counts = {name: sum(t.jobs for t in mine if t.state in members) for name, members in GROUPS.items()}
        numbers = markup.facts({
            name: markup.link(f"{n:,}", self._url.to("jobs", **{**self._choice(), "show": name})) if n else "0"
            for name, n in counts.items()
        })  # fmt: skip
        return f"{numbers}<p>{markup.link('failures of all jobs by kind', self._url.to('triage'))}</p>"

    def _running(self, states: Sequence[JobState]) -> str:
        settings, viewer = self._observatory.settings, self._observatory.viewer
        found = batch.jobs(settings, viewer, states=states, **self._chosen())
        return job_lists.running(found, batch.paces(settings, found), self._opens)

    def _queue(self, states: Sequence[JobState]) -> str:
        found = batch.queue(self._observatory.settings, self._observatory.viewer, states=states, **self._chosen())
        return job_lists.queue(found, SHOWN, self._opens)

    def _ended(self, states: Sequence[JobState]) -> str:
        before = self._url.whole("before")
        found = batch.jobs(self._observatory.settings, self._observatory.viewer, states=states, before=before,
                           limit=SHOWN + 1, **self._chosen())  # fmt: skip
        return job_lists.ended(found[:SHOWN], self._opens, self._paging(found))

    def _paging(self, found: Sequence[Any]) -> str:
        to = partial(self._url.to, "jobs", **self._choice())
        links = [markup.link("newest", to())] if self._url.whole("before") else []
        if len(found) > SHOWN:
            last = found[SHOWN - 1].id
            links.append(markup.link(f"older than {last:04d}", to(before=last)))
        return f"<p class='paging'>{' · '.join(links)}</p>" if links else ""


def _choice(label: str, options: dict[str, str], asked: str, width: int) -> pn.ui.Select:
    value = asked if asked in options.values() else ""
    return pn.ui.Select(label=label, options=options, value=value, width=width, size="small", margin=0)


def _none() -> str:
    return markup.empty("No job yet", "Submit one from the form in a notebook, or on the command line.",
                        "hven submit panoseti/nightly --day-obs 20251021")  # fmt: skip
