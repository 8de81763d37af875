"""Tells the notebook that a job has ended: a line in the form, JupyterLab's own notice, and the desktop's.

JupyterLab's part (`hven.hub.notices`) listens to an event of the page; without it the line still stands.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as iw

from hven.core.clock import NS
from hven.views.formats import clock, duration
from hven.widgets.look import chip

if TYPE_CHECKING:
    from hven.batch.model import Job

EVENT = "hven-notice"
"""Event of the page, with `text` and `good`; without a text it asks whether the desktop may be used."""

_ENDED = {"SUCCEEDED": "has succeeded", "FAILED": "has failed", "DELETED": "was cancelled"}


class Notifier:
    """Says in the notebook that jobs have ended, also from a thread of the kernel.

    Examples
    --------
    >>> from hven.batch.model import Job, JobRequest
    >>> notifier = Notifier()
    >>> notifier.tell(Job(id=7, user="ada", request=JobRequest(pipeline="panoseti/calibrate"), state="SUCCEEDED"))
    >>> "Job 0007 panoseti/calibrate has succeeded" in notifier.lines.value
    True
    """

    def __init__(self) -> None:
        self.lines = iw.HTML()
        self._page = iw.Output(layout=iw.Layout(height="0px", overflow="hidden"))
        self.box = iw.VBox([self.lines, self._page])

    def prepare(self) -> None:
        """Ask the browser whether the desktop may be used; at a press of a button, as browsers want it."""
        self._send({})

    def tell(self, job: Job) -> None:
        """Say how a job ended."""
        text = _sentence(job)
        said = f"<div role='status'>{chip(job.state)}&ensp;{escape(text)}, at {clock(job.ended_ns)} UTC</div>"
        self.lines.value = said + self.lines.value
        self._send({"text": text, "good": job.state == "SUCCEEDED"})

    def _send(self, detail: dict[str, object]) -> None:
        """What is sent replaces what was, so that a notebook that is opened again repeats no more than the last."""
        script = f"window.dispatchEvent(new CustomEvent({EVENT!r}, {{detail: {json.dumps(detail)}}}))"
        data = {"application/javascript": script}
        self._page.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


def _sentence(job: Job) -> str:
    counts = job.counts
    bad = [f"{n} of {counts.total} quanta {word}" for n, word in ((counts.failed, "failed"),) if n]
    took = [f"in {duration((job.ended_ns - job.started_ns) / NS)}"] if job.started_ns else []
    return ", ".join([f"Job {job.id:04d} {job.request.pipeline} {_ENDED[job.state]}", *bad, *took])
