"""What can be done to a job, by those who may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hven.batch.model import JobClass
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.views.actions import Action, Field

_WAITING = frozenset({"UNREADY", "READY"})
_ACTIVE = frozenset({"PENDING", "RUNNING"})


def operates(viewer: Viewer | None) -> bool:
    """Whether a visitor may change what is not theirs; where nobody is told apart, everybody may."""
    return viewer is None or AccessClass.OPERATORS in viewer.classes


def actions(job: Any, viewer: Viewer | None, steps: Sequence[str] = ()) -> list[Action]:
    """Actions that a job's state allows, for its owner and for operators; it can restart from one of some `steps`."""
    if job.cancelling or not (operates(viewer) or (viewer and viewer.name == job.user)):
        return []
    state, name = str(job.state), f"Job {job.id:04d}"
    offered = []
    if state in _WAITING:
        offered.append(Action("Hold", _path(job, "hold"), f"{name} is held: it waits until somebody lets it go."))
    if state == "HELD":
        offered.append(Action("Let go", _path(job, "unhold"), f"{name} is in the queue again."))
    if state in _WAITING | {"HELD"} and operates(viewer):
        offered.append(_reclass(job, name))
    if job.state.ended:
        offered += _restarts(job, name, steps)
    if state in _WAITING | _ACTIVE | {"HELD"}:
        offered.append(_cancel(job, name))
    return offered


def _reclass(job: Any, name: str) -> Action:
    others = {str(c): str(c) for c in JobClass if c != job.request.job_class}
    return Action("Change class …", _path(job, "reclass"), f"{name} is in its new class.", yes="Change it",
                  question=f"{name} is of class {job.request.job_class}. Into which does it go?",
                  fields=(Field("job_class", "Class", others),))  # fmt: skip


def _restarts(job: Any, name: str, steps: Sequence[str]) -> list[Action]:
    """All that is not done, what failed only, or a step and all that needs it."""
    path, done = _path(job, "restart"), f"{name} is in the queue again; what it made is kept."
    offered = [Action("Restart", path, done)] if str(job.state) != "SUCCEEDED" else []
    offered += [Action("Restart failed", path, done, body={"failed": True})] if job.counts.failed else []
    return offered + ([_restart_from(path, done, steps)] if steps else [])


def _restart_from(path: str, done: str, steps: Sequence[str]) -> Action:
    return Action(
        "Restart from …", path, done, yes="Restart it",
        question="Which step is made again, with all that needs it, although it is there?",
        fields=(Field("step", "Step", {step: step for step in steps}),
                Field("data_id", "Only this data ID, all if empty", optional=True)),
    )  # fmt: skip


def _cancel(job: Any, name: str) -> Action:
    return Action(
        "Cancel …", _path(job, "cancel"),
        f"{name} stops: its runner has been asked to." if str(job.state) in _ACTIVE else f"{name} is cancelled.",
        question=f"Cancel job {job.id:04d}? {_loss(job)}", yes="Yes, cancel it", harmful=True,
    )  # fmt: skip


def _path(job: Any, verb: str) -> str:
    return f"jobs/{job.id}/{verb}"


def _loss(job: Any) -> str:
    """What cancelling would lose."""
    if not job.started_ns or not job.counts.total:
        return "It has not begun; nothing is lost, and it can be restarted."
    return f"What it has made stays; work under way of its {job.counts.total:,} quanta is lost."
