"""Fields for the options of a pipeline's steps, made from the tasks' own schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as iw

from hven.core.errors import ConfigurationError
from hven.widgets.look import LABEL, quiet

Schema = Mapping[str, Any]
_FIELD = {"layout": iw.Layout(width="320px"), "style": {"description_width": "140px"}}


def _bounded(widget: type[iw.Widget], lowest: float, highest: float) -> Callable[[Schema], iw.Widget]:
    def make(schema: Schema) -> iw.Widget:
        low = schema.get("minimum", schema.get("exclusiveMinimum", lowest))
        high = schema.get("maximum", schema.get("exclusiveMaximum", highest))
        return widget(value=schema["default"], min=low, max=high, **_FIELD)

    return make


def _text(value: str) -> iw.Widget:
    return iw.Text(value=value, continuous_update=False, **_FIELD)


_MAKERS: dict[str, Callable[[Schema], iw.Widget]] = {
    "boolean": lambda s: iw.Checkbox(value=s["default"], **_FIELD),
    "integer": _bounded(iw.BoundedIntText, -(2**31), 2**31),
    "number": _bounded(iw.BoundedFloatText, -1e300, 1e300),
    "string": lambda s: _text(s["default"]),
}


class Options:
    """Fields of one step's configuration.

    Parameters
    ----------
    schema
        JSON schema of the task's configuration.
    values
        What the pipeline sets; the form starts from it.

    Examples
    --------
    >>> schema = {"properties": {"cell_s": {"type": "number", "default": 60.0, "description": "Cell length."}}}
    >>> options = Options(schema, {})
    >>> options.fields["cell_s"].value = 30.0
    >>> options.changed
    {'cell_s': 30.0}
    """

    def __init__(self, schema: Schema, values: Mapping[str, Any]) -> None:
        self.fields: dict[str, iw.Widget] = {}
        self._docs: dict[str, str] = {}
        self._read: dict[str, Callable[[Any], Any]] = {}
        for name, found in schema.get("properties", {}).items():
            self._add(name, {**found, "default": values.get(name, found.get("default"))})
        self._initial = {name: widget.value for name, widget in self.fields.items()}

    def _add(self, name: str, schema: Schema) -> None:
        if "enum" in schema:
            widget = iw.Dropdown(options=schema["enum"], value=schema["default"], **_FIELD)
        elif schema.get("type") in _MAKERS:
            widget = _MAKERS[schema["type"]](schema)
        else:
            widget = _text("" if schema["default"] is None else json.dumps(schema["default"]))
            self._read[name] = lambda text: _from_json(name, text)
        widget.description = name
        widget.tooltip = self._docs[name] = schema.get("description", "")
        self.fields[name] = widget

    @property
    def changed(self) -> dict[str, Any]:
        """Only what differs from what the pipeline sets; raises ConfigurationError for text that is no value."""
        return {
            name: self._read.get(name, lambda value: value)(widget.value)
            for name, widget in self.fields.items()
            if widget.value != self._initial[name]
        }

    @property
    def box(self) -> iw.Widget:
        """All fields, each with its meaning."""
        rows = [iw.HBox([field, iw.HTML(quiet(self._docs[name]))]) for name, field in self.fields.items()]
        return iw.VBox(rows or [iw.HTML(quiet("This step has no options."))])


class StepOptions:
    """Options of all steps of a pipeline, one step at a time, folded away until wanted.

    Parameters
    ----------
    changed
        Called after every change of an option.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.steps: dict[str, Options] = {}
        self.step = iw.Dropdown(description="Step", style=LABEL)
        self._fields = iw.VBox()
        self.box = iw.Accordion([iw.VBox([self.step, self._fields])])
        self.step.observe(self._on_step, names="value")

    def fill(self, steps: Mapping[str, Options]) -> None:
        """Offer the options of other steps."""
        self.steps = {name: options for name, options in steps.items() if options.fields}
        for options in self.steps.values():
            for field in options.fields.values():
                field.observe(self._on_field, names="value")
        self.step.options = list(self.steps)
        self._on_step(None)
        self._entitle()

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """By step: options that differ from what the pipeline sets."""
        return {step: changed for step, options in self.steps.items() if (changed := options.changed)}

    def _on_step(self, _change: object) -> None:
        chosen = self.steps.get(self.step.value)
        self._fields.children = [chosen.box] if chosen else [iw.HTML(quiet("Nothing to choose."))]

    def _on_field(self, _change: object) -> None:
        self._entitle()
        self._changed()

    def _entitle(self) -> None:
        try:
            said = [f"{step}.{k} = {v}" for step, values in self.config.items() for k, v in values.items()]
        except ConfigurationError as error:
            said = [error.message]
        self.box.titles = [f"Options: {', '.join(said) or 'as the pipeline sets them'}"]


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except json.JSONDecodeError:
        raise ConfigurationError(
            f"{name}: cannot read {text!r}", hint='Write a number, true, false, "text" or [a, list]; empty is none.'
        ) from None
