"""What can be done about alarms, by those who may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hven.alarms.model import FAMILY
from hven.model.access import Viewer
from hven.views.actions import Action, Field
from hven.views.pages.job_actions import operates

_HOURS = {"an hour": "1", "until tomorrow (12 h)": "12", "a day": "24", "a week": "168"}
_WORDS = Field("text", "Words")


def actions(open_: Sequence[Any], viewer: Viewer | None) -> list[Action]:
    """Comment, and for operators acknowledge, silence and clear; only what there is something for."""
    named = {f"{alarm.rule} {alarm.key}": alarm.id for alarm in open_}
    raised = {f"{alarm.rule} {alarm.key}": alarm.id for alarm in open_ if str(alarm.state) == "raised"}
    if not named:
        return []
    comment = Action("Comment …", "alarms/{alarm}/comment", "It is written down.", yes="Say so",
                     fields=(_which(named), _WORDS))  # fmt: skip
    if not operates(viewer):
        return [comment]
    families = sorted({alarm.rule.partition(FAMILY)[0] for alarm in open_ if FAMILY in alarm.rule})
    many = [_silence_all(families)] if families else []
    return [*([_acknowledge(raised)] if raised else []), comment, _silence(named), *many, _clear(named)]


def _which(named: dict[str, str]) -> Field:
    return Field("alarm", "Alarm", named)


def _acknowledge(raised: dict[str, str]) -> Action:
    return Action(
        "Acknowledge …", "alarms/{alarm}/acknowledge", "Others see that you know of it.", yes="I have seen it",
        fields=(_which(raised), Field("text", "What you do about it", optional=True)),
    )  # fmt: skip


def _silence(named: dict[str, str]) -> Action:
    return Action(
        "Silence …", "alarms/{alarm}/silence", "Nobody is told of it until then.", yes="Silence it",
        question="Nobody is told of this for how long? The alarm itself stays.",
        fields=(_which(named), Field("hours", "For", _HOURS), Field("text", "Reason")),
    )  # fmt: skip


def _silence_all(families: list[str]) -> Action:
    named = {f"all of {family}": f"{family}{FAMILY}*" for family in families}
    return Action(
        "Silence a family …", "alarm-silences", "Nobody is told of any of them until then.", yes="Silence them",
        question="Nobody is told of any of these for how long, those to come among them? The alarms themselves stay.",
        fields=(Field("rules", "Which", named), Field("hours", "For", _HOURS), Field("text", "Reason")),
    )  # fmt: skip


def _clear(named: dict[str, str]) -> Action:
    return Action(
        "Clear …", "alarms/{alarm}/clear", "It is accepted.", yes="Yes, accept it", harmful=True,
        question="Accept what cannot heal? It is not raised again before it was good once.",
        fields=(_which(named), Field("text", "Reason")),
    )  # fmt: skip
