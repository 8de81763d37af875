"""What can be done to a job, by those who may."""

from __future__ import annotations

from typing import Any

from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.views.actions import Action

_WAITING = frozenset({"UNREADY", "READY"})
_ACTIVE = frozenset({"PENDING", "RUNNING"})


def operates(viewer: Viewer | None) -> bool:
    """Whether a visitor may change what is not theirs; where nobody is told apart, everybody may."""
    return viewer is None or AccessClass.OPERATORS in viewer.classes


def actions(job: Any, viewer: Viewer | None) -> list[Action]:
    """Actions that a job's state allows, for its owner and for operators."""
    if job.cancelling or not (operates(viewer) or (viewer and viewer.name == job.user)):
        return []
    state, name = str(job.state), f"Job {job.id:04d}"
    offered = []
    if state in _WAITING:
        offered.append(Action("Hold", _path(job, "hold"), f"{name} is held: it waits until somebody lets it go."))
    if state == "HELD":
        offered.append(Action("Let go", _path(job, "unhold"), f"{name} is in the queue again."))
    if state in {"FAILED", "DELETED"}:
        offered.append(Action("Restart", _path(job, "restart"), f"{name} is in the queue again; what it made is kept."))
    if state in _WAITING | _ACTIVE | {"HELD"}:
        offered.append(_cancel(job, name))
    return offered


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
