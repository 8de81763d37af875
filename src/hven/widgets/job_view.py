"""A submitted job, followed until it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as iw

from hven.core.clock import NS
from hven.core.errors import HvenError, InfrastructureError
from hven.observatory import Observatory
from hven.views.formats import duration
from hven.widgets.look import chip, problem, quiet, show
from hven.widgets.results import Results

if TYPE_CHECKING:
    from hven.batch.handle import JobHandle
    from hven.batch.model import Failure, Job

POLL_S = 1.0
LOG_LINES = 20
_BARS = {"FAILED": "danger", "SUCCEEDED": "success"}


class JobView:
    """Progress, failures, log and results of one job.

    Parameters
    ----------
    obs
        Observatory.
    handle
        What `Observatory.submit` gives.
    ended
        Called with the job once it has ended.
    """

    def __init__(self, obs: Observatory, handle: JobHandle, ended: Callable[[Job], None] = lambda _job: None) -> None:
        self._obs = obs
        self._ended = ended
        self.handle = handle
        self.follower = threading.Thread(target=self._follow, daemon=True)
        self.head = iw.HTML()
        self.bar = iw.IntProgress(min=0, max=1, layout=iw.Layout(width="280px"))
        self.counts = iw.HTML()
        self.cancel = iw.Button(description="Cancel", icon="stop", button_style="warning")
        self.message = iw.HTML()
        self.failures = iw.HTML()
        self.log = iw.HTML()
        self.details = iw.Accordion([self.failures, self.log], titles=("Why it failed", "End of the log"))
        self.results = Results(obs)
        self.cancel.on_click(self._on_cancel)
        row = iw.HBox([self.head, self.bar, self.counts, self.cancel], layout=iw.Layout(align_items="center"))
        rows = [row, self.message, self.details, self.results.box]
        self.box = iw.VBox(rows, layout=iw.Layout(border_top="1px solid var(--jp-border-color1)", padding="6px 0"))
        show(self.details, visible=False)
        self.refresh()

    def refresh(self) -> bool:
        """Ask once and show the answer; true when the job has ended."""
        self.job = job = self.handle.progress()
        self._show(job)
        if job.counts.failed or job.state == "FAILED":
            self._show_failures()
        if job.state.ended:
            self.results.offer([self._obs.product(i) for i in self._obs.jobs.products(job.id)])
        return job.state.ended

    def _show(self, job: Job) -> None:
        counts = job.counts
        self.head.value = f"job <b>{job.id:04d}</b> &ensp;{chip(job.state)}&ensp;"
        self.bar.max = max(counts.total, 1)
        self.bar.value = counts.ended
        self.bar.bar_style = _BARS.get(job.state, "info")
        self.counts.value = _counted(job)
        self.message.value = _message(job)
        self.cancel.disabled = job.cancelling
        show(self.cancel, visible=not job.state.ended)

    def _show_failures(self) -> None:
        found = self._obs.jobs.failures(self.handle.id)
        self.failures.value = "".join(map(_failure, found)) or quiet("No quantum failed; the log says more.")
        log = escape(self.handle.log(lines=LOG_LINES))
        self.log.value = f"<pre style='font-size:12px;line-height:1.4;overflow-x:auto'>{log}</pre>"
        show(self.details, visible=True)

    def follow(self) -> None:
        """Refresh in the background until the job ends."""
        self.follower.start()

    def _follow(self) -> None:
        pause = threading.Event()
        while not self._refreshed():
            pause.wait(POLL_S)
        if self.job.state.ended:
            self._ended(self.job)

    def _refreshed(self) -> bool:
        """Whether there is nothing more to wait for; what is out of reach for a while is asked again."""
        try:
            return self.refresh()
        except HvenError as error:
            self.message.value = problem(error)
            return not isinstance(error, InfrastructureError)

    def _on_cancel(self, _button: iw.Button) -> None:
        self.cancel.disabled = True
        try:
            self.handle.cancel()
        except HvenError as error:
            self.message.value = problem(error)


def _counted(job: Job) -> str:
    counts = job.counts
    parts = [f"&ensp;<b>{counts.ended}</b> of {counts.total} quanta"] if counts.total else []
    parts += [f"{n} {word}" for n, word in ((counts.failed, "failed"), (counts.blocked, "blocked")) if n]
    if job.state.ended and job.started_ns:
        parts.append(f"in {duration((job.ended_ns - job.started_ns) / NS)}")
    if job.position is not None:
        parts.append(f"{job.position} jobs ahead" if job.position else "next in the queue")
    return " · ".join(parts) + "&ensp;"


def _message(job: Job) -> str:
    what = [job.request.pipeline, *(f"{k} {v}" for k, values in job.request.values.items() for v in values)]
    what += [job.request.where] if job.request.where else []
    what += [f"{s}.{k} = {v}" for s, values in job.request.config.items() for k, v in values.items()]
    what += ["for everybody"] if job.request.shared else []
    said = problem(HvenError(job.error, hint=job.hint)) if job.error else ""
    doing = [job.message] if job.message and not job.state.ended else []
    return quiet(" · ".join(what + doing)) + said


def _failure(failure: Failure) -> str:
    where = ", ".join(failure.data_ids)
    times = f"{len(failure.data_ids)} times, " if len(failure.data_ids) > 1 else ""
    error = HvenError(f"{failure.step}: {failure.error}", hint=f"{times}{failure.flavour}: {where}")
    return problem(error)
