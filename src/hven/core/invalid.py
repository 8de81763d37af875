"""What pydantic found wrong, in words for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from hven.core.errors import UnknownNameError


class Problems(NamedTuple):
    """What is wrong with values, and what to do about it."""

    text: str
    hint: str


def problems_of(error: ValidationError, model: type[BaseModel], what: str) -> Problems:
    """Describe an error of a model; of a key that it does not have with those that it has.

    Parameters
    ----------
    error
        As pydantic raised it.
    model
        Which was to be made.
    what
        What its keys are called, e.g. ``option``.
    """
    texts, hints = [], []
    for one in error.errors():
        place, message = one["loc"], one["msg"]
        if one["type"] == "extra_forbidden":
            unknown = UnknownNameError(what, str(place[-1]), _keys(model, place[:-1]))
            place, message = place[:-1], unknown.message
            hints.append(unknown.hint)
        texts.append(": ".join(filter(None, [".".join(map(str, place)), message])))
    return Problems("; ".join(texts), " ".join(dict.fromkeys(hints)))


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Keys that there are at a place in a model."""
    found: list[type[BaseModel]] = [model]
    for key in place:
        fields = [m.model_fields[key] for m in found if isinstance(key, str) and key in m.model_fields]
        found = [m for field in fields for m in _models(field.annotation)] or found
    return [name for m in found for name in m.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models in an annotation: ``X | None``, ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models(inner)]
