"""Buttons that change a job, in the visitor's own name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import panel as pn

from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.views import markup, theme

Act = Callable[[str, int], Any]
"""Does a verb to the job of a number through the API, and gives the job."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Action:
    """A verb, its button, the states of a job in which it can be done, and what it did, in words."""

    verb: str
    label: str
    states: frozenset[str]
    done: str


ACTIONS = (
    Action("hold", "Hold", frozenset({"UNREADY", "READY"}), "is held: it waits until somebody lets it go"),
    Action("unhold", "Let go", frozenset({"HELD"}), "is in the queue again"),
    Action("restart", "Restart", frozenset({"FAILED", "DELETED"}), "is in the queue again; what it made is kept"),
    Action("cancel", "Cancel …", frozenset({"UNREADY", "READY", "HELD", "PENDING", "RUNNING"}), "is cancelled"),
)


class JobActions:
    """The buttons of one job, a question before work is lost, and what came of it.

    Parameters
    ----------
    job_id
        Number of the job.
    act
        Does it.
    changed
        Called when a job has been changed.
    """

    def __init__(self, job_id: int, act: Act, changed: Callable[[], None]) -> None:
        self._job_id, self._act, self._changed = job_id, act, changed
        self._buttons = {a.verb: _button(a.label, partial(self._asked, a)) for a in ACTIONS}
        self._question = markup.html("")
        yes = _button("Yes, cancel it", partial(self._do, ACTIONS[-1]), color="error", variant="contained")
        self._sure = pn.Row(yes, _button("No, let it go on", self._back), margin=0, visible=False)
        self._result = markup.html("")
        self._told: tuple[str, str] | None = None
        self.view = pn.Column(
            pn.FlexBox(*self._buttons.values(), gap=f"{theme.SPACE}px", margin=0),
            self._question, self._sure, self._result, sizing_mode="stretch_width", margin=(theme.SPACE, 0),
        )  # fmt: skip

    def follow(self, job: Any) -> None:
        """Offer what can be done to the job as it is now."""
        state = str(job.state)
        for action in ACTIONS:
            self._buttons[action.verb].visible = state in action.states and not job.cancelling
        if job.state.ended or job.cancelling:
            self._back()
        self._told = (state, _loss(job))

    def _asked(self, action: Action, event: Any = None) -> None:
        if action.verb != "cancel":
            self._do(action, event)
            return
        self._question.object = (
            f"<p role='alert'>Cancel job {self._job_id:04d}? {self._told[1] if self._told else ''}</p>"
        )
        self._sure.visible = True

    def _back(self, _event: Any = None) -> None:
        self._question.object = ""
        self._sure.visible = False

    def _do(self, action: Action, _event: Any = None) -> None:
        self._back()
        try:
            job = self._act(action.verb, self._job_id)
        except HvenError as error:
            log.info("job not changed", verb=action.verb, job=self._job_id, error=error.message)
            self._result.object = markup.said("failed", error.message, error.hint)
            return
        done = "stops: its runner has been asked to" if job.cancelling else action.done
        self._result.object = markup.said("done", f"Job {self._job_id:04d} {done}.")
        self._changed()


def _button(label: str, do: Callable[[Any], None], **look: Any) -> pn.ui.Button:
    return pn.ui.Button(label=label, on_click=do, size="small", margin=0, **{"variant": "outlined", **look})


def _loss(job: Any) -> str:
    """What cancelling would lose."""
    if not job.started_ns or not job.counts.total:
        return "It has not begun; nothing is lost, and it can be restarted."
    left = job.counts.total - job.counts.ended
    return f"What it has made stays; {left} of {job.counts.total} quanta are not done, and work under way is lost."
