"""A submitted job, followed until it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.widgets.look import chip, problem

POLL_S = 1.0


class JobView:
    """Progress, messages and buttons of one job.

    Parameters
    ----------
    handle
        What `Observatory.submit` gives.
    open_result
        Called when the result is asked for; gives the line of code that opens it and the dataset.
    """

    def __init__(self, handle: Any, open_result: Callable[[Any], tuple[str, Any]]) -> None:
        self._handle = handle
        self._open_result = open_result
        self.head = iw.HTML()
        self.bar = iw.IntProgress(min=0, max=1, layout=iw.Layout(width="320px"))
        self.message = iw.HTML()
        self.cancel = iw.Button(description="Cancel", icon="stop", button_style="warning")
        self.result = iw.Button(description="Open result", icon="folder-open", button_style="success", disabled=True)
        self.output = iw.Output()
        self.cancel.on_click(self._on_cancel)
        self.result.on_click(self._on_result)
        self.box = iw.VBox(
            [iw.HBox([self.head, self.bar]), self.message, iw.HBox([self.cancel, self.result]), self.output]
        )
        self.refresh()

    def refresh(self) -> bool:
        """Ask once and show the answer; true when the job has ended."""
        job = self._handle.progress()
        counts = job.counts
        self.head.value = f"job {job.id:04d} {chip(str(job.state))} {counts.ended}/{counts.total}"
        self.bar.max = max(counts.total, 1)
        self.bar.value = counts.ended
        self.bar.bar_style = {"FAILED": "danger", "SUCCEEDED": "success"}.get(str(job.state), "")
        self.message.value = _message(job)
        self.cancel.disabled = job.state.ended or job.cancelling
        self.result.disabled = not (job.state.ended and counts.done)
        return bool(job.state.ended)

    def follow(self) -> threading.Thread:
        """Refresh in the background until the job ends."""
        thread = threading.Thread(target=self._follow, daemon=True)
        thread.start()
        return thread

    def _follow(self) -> None:
        pause = threading.Event()
        try:
            while not self.refresh():
                pause.wait(POLL_S)
        except HvenError as error:
            self.message.value = problem(error)

    def _on_cancel(self, _button: iw.Button) -> None:
        self.cancel.disabled = True
        try:
            self._handle.cancel()
        except HvenError as error:
            self.message.value = problem(error)

    def _on_result(self, _button: iw.Button) -> None:
        from IPython.display import display  # noqa: PLC0415 - only in a notebook

        try:
            line, dataset = self._open_result(self._handle)
        except HvenError as error:
            self.message.value = problem(error)
            return
        self.output.clear_output()
        self.output.append_stdout(f"ds = {line}\n")
        with self.output:
            display(dataset)


def _message(job: Any) -> str:
    counts = job.counts
    parts = [f"{n} {word}" for n, word in ((counts.failed, "failed"), (counts.blocked, "blocked")) if n]
    if job.position is not None:
        parts.append(f"{job.position} jobs ahead")
    if job.error:
        parts.append(problem(HvenError(job.error, hint=job.hint)))
    elif job.message:
        parts.append(escape(job.message))
    return " · ".join(parts)
