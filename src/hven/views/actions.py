"""Buttons that change something through the API, in the visitor's own name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import panel as pn

from hven.core.errors import HvenError
from hven.core.logging import get_logger
from hven.views import markup, theme

Ask = Callable[[str, Mapping[str, Any]], Any]
"""Posts a body to a path of the API, and gives what it answers."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Field:
    """Something that an action needs to be told: one of `options`, values by their words, else a line of text."""

    name: str
    label: str
    options: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """A button, what it asks of the API, and what it did, in words.

    Parameters
    ----------
    label
        On the button.
    path, body
        What is posted where; ``{name}`` in the path stands for what the field of that name was told.
    done
        What is said afterwards.
    question
        Asked before; without one, and without fields, it is done at once.
    yes
        On the button that answers it.
    fields
        What else is sent, as the visitor says it.
    harmful
        Something is lost by it.
    """

    label: str
    path: str
    done: str
    body: Mapping[str, Any] = field(default_factory=dict)
    question: str = ""
    yes: str = ""
    fields: tuple[Field, ...] = ()
    harmful: bool = False


class Actions:
    """Buttons of one thing, a question before work is lost, and what came of it.

    Parameters
    ----------
    ask
        Does it.
    changed
        Called when something has been changed.
    """

    def __init__(self, ask: Ask, changed: Callable[[], None]) -> None:
        self._ask, self._changed = ask, changed
        self._offered: tuple[Action, ...] = ()
        self._asked: Action | None = None
        self._buttons = pn.FlexBox(gap=f"{theme.SPACE}px", margin=0)
        self._question = pn.Column(sizing_mode="stretch_width", margin=0)
        self._result = markup.html("")
        self.view = pn.Column(
            self._buttons,
            self._question,
            self._result,
            sizing_mode="stretch_width",
            margin=(theme.SPACE, 0, 2 * theme.SPACE, 0),
        )

    def offer(self, actions: Sequence[Action]) -> None:
        """Show the buttons of what can be done now; those that stay are not touched."""
        if self._asked and self._asked not in actions:
            self._back()
        if self._offered != tuple(actions):
            self._offered = tuple(actions)
            self._buttons.objects = [_button(a.label, partial(self._press, a)) for a in actions]

    def _press(self, action: Action, _event: Any = None) -> None:
        if not action.question and not action.fields:
            self._do(action, {})
            return
        self._asked = action
        widgets = {f.name: _widget(f) for f in action.fields}
        look = {"color": "error", "variant": "contained"} if action.harmful else {"variant": "contained"}
        yes = _button(action.yes or action.label.rstrip(" …"), lambda _event: self._answered(action, widgets), **look)
        asked = f"<p role='alert'>{escape(action.question)}</p>" if action.question else ""
        self._question.objects = [
            markup.html(asked, margin=(theme.SPACE, 0)),
            pn.FlexBox(*widgets.values(), yes, _button("No", self._back), gap=f"{theme.SPACE}px", margin=0,
                       align_items="center", sizing_mode="stretch_width"),
        ]  # fmt: skip

    def _answered(self, action: Action, widgets: Mapping[str, Any]) -> None:
        told = {name: str(w.value or "").strip() for name, w in widgets.items()}
        missing = [f.label for f in action.fields if not f.optional and not told[f.name]]
        if missing:
            self._say("failed", f"{', '.join(missing)} is needed.", "Fill it in.")
            return
        self._do(action, {name: value for name, value in told.items() if value})

    def _back(self, _event: Any = None) -> None:
        self._asked = None
        self._question.objects = []

    def _do(self, action: Action, told: Mapping[str, str]) -> None:
        self._back()
        try:
            self._ask(*_posted(action, told))
        except HvenError as error:
            log.info("nothing changed", path=action.path, error=error.message)
            self._say("failed", error.message, error.hint)
            return
        self._say("done", action.done)
        self._changed()

    def _say(self, state: str, what: str, hint: str = "") -> None:
        self._result.object = markup.said(state, what, hint)


def _posted(action: Action, told: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Path and body; what is told to the path is not in the body.

    Examples
    --------
    >>> _posted(Action("Decide", "triage/{kind}", ""), {"kind": "ab", "why": "broken lens"})
    ('triage/ab', {'why': 'broken lens'})
    """
    inside = {name for name in told if f"{{{name}}}" in action.path}
    path = action.path.format(**{name: told[name] for name in inside}) if inside else action.path
    return path, {**action.body, **{name: value for name, value in told.items() if name not in inside}}


def _widget(asked: Field) -> Any:
    look = {"label": asked.label, "size": "small", "margin": 0}
    if asked.options:
        return pn.ui.Select(options=dict(asked.options), value=next(iter(asked.options.values())), width=320, **look)
    return pn.ui.TextInput(width=320, **look)


def _button(label: str, do: Callable[[Any], None], **look: Any) -> pn.ui.Button:
    return pn.ui.Button(label=label, on_click=do, size="small", margin=0, **{"variant": "outlined", **look})
