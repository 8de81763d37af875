"""Small pieces of HTML that the forms show, in JupyterLab's own colours, light and dark."""

from __future__ import annotations

from html import escape

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.views.states import mark

LABEL = {"description_width": "92px"}
"""Style of a field, so that fields below each other are aligned."""

_CHIP = (
    "display:inline-flex;align-items:center;gap:6px;padding:0 10px;border-radius:10px;line-height:20px;"
    "font-weight:600;background:{solid};color:{on}"
)
_PROBLEM = "border-left:4px solid #D55E00;padding:2px 10px;line-height:1.5;white-space:pre-wrap"


def chip(state: str) -> str:
    """State as a shape and a word; the colour only repeats what they say."""
    shown = mark(state)
    shape = shown.svg(colour=shown.on).replace("#fff", shown.solid)
    return f"<span style='{_CHIP.format(solid=shown.solid, on=shown.on)}'>{shape}{escape(shown.word)}</span>"


def problem(error: HvenError) -> str:
    """Error in words, with what to do on a line of its own.

    Examples
    --------
    >>> "<b>no such thing</b>" in problem(HvenError("no such thing", hint="Look again."))
    True
    """
    hint = f"\n{escape(error.hint)}" if error.hint else ""
    return f"<div role='alert' style='{_PROBLEM}'><b>{escape(error.message)}</b>{hint}</div>"


def quiet(text: str) -> str:
    """Explanation in smaller, paler text."""
    return f"<span style='font-size:12px;line-height:1.4;color:var(--jp-ui-font-color2)'>{escape(text)}</span>"


def heading(text: str) -> iw.HTML:
    """Title of a group of fields."""
    return iw.HTML(f"<b>{escape(text)}</b>")


def show(widget: iw.Widget, *, visible: bool) -> None:
    """Let a widget take part in the layout or not."""
    widget.layout.display = None if visible else "none"
