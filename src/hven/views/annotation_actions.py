"""What people can say of data on pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hven.model.annotation import Annotation, Kind
from hven.model.data_id import DataId
from hven.views.actions import Action, Field

_WHY = Field("text", "Why")
_TIMES = (
    Field("begin", "From (UTC), all if empty", optional=True),
    Field("end", "Until (UTC), not included", optional=True),
)
_LINES = {"remark": str(Kind.LOG), "observing begins": str(Kind.BEGIN), "observing ends": str(Kind.END)}


def on_data(scopes: Mapping[str, DataId], standing: Sequence[Annotation]) -> list[Action]:
    """Mark, comment and retract: for each scope, in words, of the data that are shown."""
    marks = [
        _say(f"Mark {words} bad …", Kind.BAD, data_id, "It is left out of selections from now on.", harmful=True)
        for words, data_id in scopes.items()
    ]
    first = next(iter(scopes.values()))
    return [*marks, _say("Comment …", Kind.COMMENT, first, "It is written down."), *_retract(standing)]


def in_log(night: int) -> Action:
    """Write a line into the log of a night."""
    return Action(
        "Write …", "annotations", "It is in the log.", body={"data_id": {"day_obs": night}}, yes="Write it",
        fields=(Field("kind", "What", _LINES), Field("text", "Words")),
    )  # fmt: skip


def _say(label: str, kind: Kind, data_id: DataId, done: str, *, harmful: bool = False) -> Action:
    body: dict[str, Any] = {"kind": str(kind), "data_id": dict(data_id)}
    return Action(label, "annotations", done, body=body, yes="Say so", fields=(_WHY, *_TIMES), harmful=harmful)


def _retract(standing: Sequence[Annotation]) -> list[Action]:
    named = {f"{one.kind}: {one.text} ({one.who})": one.id for one in standing}
    if not named:
        return []
    return [
        Action("Retract …", "annotations", "It is taken back; the history stays.", body={"kind": str(Kind.RETRACT)},
               yes="Take it back", fields=(Field("retracts", "What", named), _WHY))
    ]  # fmt: skip
