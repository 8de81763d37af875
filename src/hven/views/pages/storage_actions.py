"""What operators can do about what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hven.views import formats
from hven.views.actions import Action, Field

_REASON = Field("reason", "Reason")


def actions(plan: Any, leaving: Sequence[Any], holds: Sequence[Any]) -> list[Action]:
    """Hold, release, bring back, and apply the rules; only what there is something for."""
    offered = [_hold()]
    offered += [_release(holds)] if holds else []
    offered += [_restore(leaving)] if leaving else []
    offered += [_apply(plan)] if plan.changes else []
    return offered


def _hold() -> Action:
    return Action(
        "Hold …", "holds", "It stays until the hold is released.", yes="Hold it",
        question="What must stay? The id of a product, or the name of a collection for all that is in it.",
        fields=(Field("target", "Product or collection"), _REASON),
    )  # fmt: skip


def _release(holds: Sequence[Any]) -> Action:
    named = {f"{hold.target} ({hold.who}: {hold.reason})": hold.target for hold in holds}
    return Action(
        "Release …", "holds/remove", "The hold is released; rules decide again.", yes="Release it", harmful=True,
        question="Which hold is released? What a rule lets go may then go.",
        fields=(Field("target", "Hold", named), Field("who", "Whose, your own if empty", optional=True)),
    )  # fmt: skip


def _restore(leaving: Sequence[Any]) -> Action:
    named = {f"{one.dataset} ({one.state}, {one.id})": one.id for one in leaving}
    return Action(
        "Bring back …", "retention/restore", "The batch service brings it back and holds it.", yes="Bring it back",
        question="What is brought back, and why must it stay?", fields=(Field("target", "Product", named), _REASON),
    )  # fmt: skip


def _apply(plan: Any) -> Action:
    size = formats.size(sum(line.bytes for line in plan.changes))
    return Action(
        "Apply rules …", "retention/apply", "The batch service applies the rules.", yes="Yes, apply them",
        harmful=True, question=f"Do now what is due: {len(plan.changes)} products, {size}? "
        "What expires stays through its grace period; what is deleted is gone.",
    )  # fmt: skip
