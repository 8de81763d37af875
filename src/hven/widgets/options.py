"""Fields for a task's configuration, made from its own schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as iw

_WIDE = iw.Layout(width="420px")
_LABEL = {"description_width": "180px"}


def _bounded(widget: type[iw.Widget], lowest: float, highest: float) -> Callable[[Mapping[str, Any]], iw.Widget]:
    def make(schema: Mapping[str, Any]) -> iw.Widget:
        low = schema.get("minimum", schema.get("exclusiveMinimum", lowest))
        high = schema.get("maximum", schema.get("exclusiveMaximum", highest))
        return widget(value=schema["default"], min=low, max=high, layout=_WIDE, style=_LABEL)

    return make


def _json(schema: Mapping[str, Any]) -> iw.Widget:
    return iw.Text(value=json.dumps(schema["default"]), continuous_update=False, layout=_WIDE, style=_LABEL)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], iw.Widget]] = {
    "boolean": lambda s: iw.Checkbox(value=s["default"], layout=_WIDE, style=_LABEL),
    "integer": _bounded(iw.BoundedIntText, -(2**31), 2**31),
    "number": _bounded(iw.BoundedFloatText, -1e300, 1e300),
    "string": lambda s: iw.Text(value=s["default"], continuous_update=False, layout=_WIDE, style=_LABEL),
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

    def __init__(self, schema: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self.fields: dict[str, iw.Widget] = {}
        self._initial: dict[str, Any] = {}
        for name, found in schema.get("properties", {}).items():
            field = {**found, "default": values.get(name, found.get("default"))}
            maker = _MAKERS.get(field.get("type", ""), _json)
            widget = iw.Dropdown(options=field["enum"], value=field["default"]) if "enum" in field else maker(field)
            widget.description = name
            widget.tooltip = field.get("description", "")
            self.fields[name] = widget
            self._initial[name] = widget.value
        self._plain = {n for n, f in schema.get("properties", {}).items() if "enum" in f or f.get("type") in _MAKERS}

    @property
    def changed(self) -> dict[str, Any]:
        """Only what differs from what the pipeline sets."""
        return {
            name: widget.value if name in self._plain else json.loads(widget.value)
            for name, widget in self.fields.items()
            if widget.value != self._initial[name]
        }

    @property
    def box(self) -> iw.Widget:
        """All fields, each with its meaning."""
        rows = [iw.HBox([w, iw.HTML(f"<small>{w.tooltip}</small>")]) for w in self.fields.values()]
        return iw.VBox(rows or [iw.HTML("<small>This step has no options.</small>")])
