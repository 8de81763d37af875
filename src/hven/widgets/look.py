"""Small pieces of text that the forms show."""

from __future__ import annotations

from html import escape

_CHIP = (
    "display:inline-block;padding:1px 8px;border-radius:10px;border:1px solid {colour};color:{colour};font-weight:600"
)
_COLOURS = {
    "SUCCEEDED": "#007a58",
    "done": "#007a58",
    "FAILED": "#b34700",
    "failed": "#b34700",
    "RUNNING": "#0060a0",
}
_SYMBOLS = {"SUCCEEDED": "✔", "FAILED": "✖", "RUNNING": "▶", "HELD": "‖", "DELETED": "∅"}


def chip(state: str) -> str:
    """State as a symbol and a word in a frame; the colour only repeats what they say."""
    style = _CHIP.format(colour=_COLOURS.get(state, "#555"))
    return f"<span style='{style}'>{_SYMBOLS.get(state, '…')} {escape(state)}</span>"


def problem(error: Exception) -> str:
    """Error as text, with its hint."""
    return f"<span role='alert' style='color:#b34700'>✖ {escape(str(error))}</span>"


def size(number: float | None) -> str:
    """Bytes for people.

    Examples
    --------
    >>> size(1.2e9), size(None)
    ('1.2 GB', 'unknown')
    """
    if number is None:
        return "unknown"
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004 - SI prefixes
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
