"""What can be done to a campaign, by those who may."""

from __future__ import annotations

from typing import Any

from hven.model.access import Viewer
from hven.views.actions import Action, Field
from hven.views.pages.job_actions import operates

_REASON = Field("reason", "Reason")
_GOES = frozenset({"ready", "running", "blocked", "failed"})


def actions(campaign: Any, viewer: Viewer | None) -> list[Action]:
    """Actions that a campaign's state and that of its current step allow, for operators."""
    if not operates(viewer):
        return []
    state = str(campaign.state)
    offered = [_start(campaign)] if state == "waiting" else []
    offered += [_pause(campaign)] if state in _GOES else []
    if state == "paused":
        offered.append(Action("Resume", _path(campaign, "resume"), f"{campaign.name} goes on."))
    return [*offered, *_decisions(campaign)]


def _decisions(campaign: Any) -> list[Action]:
    """What can be decided about the step at which it stands."""
    step = campaign.current
    if step is None:
        return []
    state, body = str(step.state), {"step": step.name}
    failed = sum(str(group.state) == "failed" for group in step.groups)
    offered = []
    if state in {"blocked", "failed"}:
        offered += [_accept(campaign, step, body), _reject(campaign, step, body)]
    if failed and state in {"blocked", "failed", "running"}:
        done = f"{failed} groups of {step.name} are done again."
        offered.append(Action(f"Retry {failed} failed", _path(campaign, "retry"), done, body=body))
    if state == "rejected":
        offered.append(
            Action("Redo …", _path(campaign, "retry"), f"{step.name} is done again, with collections of its own.",
                   body=body, yes="Yes, redo it",
                   question=f"Redo {step.name} and the steps after it? What they made before stays for comparison.")
        )  # fmt: skip
    return offered


def _start(campaign: Any) -> Action:
    return Action("Start", _path(campaign, "start"), f"{campaign.name} begins.")


def _pause(campaign: Any) -> Action:
    return Action("Pause", _path(campaign, "pause"), f"{campaign.name} submits nothing more; its jobs go on.")


def _accept(campaign: Any, step: Any, body: dict[str, str]) -> Action:
    why = f"{step.note}. " if step.note else ""
    return Action(
        "Accept …", _path(campaign, "accept"), f"{step.name} is accepted; the next step begins.", body=body,
        question=f"Accept {step.name}? {why}Its products are found in the campaign's collection.",
        yes="Yes, accept it", fields=(_REASON,),
    )  # fmt: skip


def _reject(campaign: Any, step: Any, body: dict[str, str]) -> Action:
    return Action(
        "Reject …", _path(campaign, "reject"), f"{step.name} is rejected; it can be redone.", body=body,
        question=f"Reject {step.name}? Nothing after it begins; what it made stays for comparison.",
        yes="Yes, reject it", fields=(_REASON,), harmful=True,
    )  # fmt: skip


def _path(campaign: Any, verb: str) -> str:
    return f"campaigns/{campaign.name}/{verb}"
