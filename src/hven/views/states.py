"""States never look alike: each has a shape, a word and a colour that repeats them."""

from __future__ import annotations

from dataclasses import dataclass

from hven.model.metric import Status
from hven.model.quantum import QuantumState
from hven.observatory.quanta import CUT_OFF
from hven.views import theme


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state is shown.

    `shape` is the body of a SVG of 12 by 12; `marker` the Bokeh marker nearest to it; `on` is readable text on `solid`.
    """

    word: str
    shape: str
    marker: str
    colour: str
    solid: str = "#5A6570"
    on: str = "#FFFFFF"

    @property
    def filled(self) -> bool:
        """Whether its shape is a filled one; an outline has its marker drawn as an outline too."""
        return 'fill="currentColor"' in self.shape

    @property
    def pattern(self) -> str:
        """Filling of its part of a bar, as CSS: what did not end well is not told by its colour alone."""
        return _PATTERNS.get(self.word, "{0}").format(self.colour)

    def svg(self, pixels: int = 12, colour: str = "") -> str:
        """Picture of the shape, hidden from readers of text, who get the word."""
        return (
            f'<svg width="{pixels}" height="{pixels}" viewBox="0 0 12 12" aria-hidden="true" fill="none" '
            f'stroke="{colour or self.colour}" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round" '
            f'style="color:{colour or self.colour}">{self.shape}</svg>'
        )


_DISC = '<circle cx="6" cy="6" r="4.6" fill="currentColor"/>'
_RING = '<circle cx="6" cy="6" r="4.6"/>'
_DOTTED = '<circle cx="6" cy="6" r="4.6" stroke-dasharray="1.5 2.4"/>'
_HALF = '<circle cx="6" cy="6" r="4.6"/><path d="M6 1.4a4.6 4.6 0 0 1 0 9.2z" fill="currentColor"/>'
_TRIANGLE = '<path d="M6 1.5 11 10.5H1z" fill="currentColor"/>'
_CROSS = '<path d="M2 2l8 8M10 2l-8 8"/>'
_SQUARE = '<rect x="1.5" y="1.5" width="9" height="9" fill="currentColor"/>'
_BARS = '<path d="M4 2v8M8 2v8"/>'
_DASH = '<path d="M2 6h8"/>'
_PLAY = '<path d="M3 1.8 10.5 6 3 10.2z"/>'
_DIAMOND = '<path d="M6 1 11 6 6 11 1 6z"/>'
_CHECKED = f'{_DISC}<path d="M3.6 6.2 5.4 7.9 8.5 4.3" stroke="#fff" stroke-width="1.4"/>'
_CROSSED = f'{_RING}<path d="M3 9 9 3"/>'
_PAUSED = '<rect x="1.5" y="1.5" width="9" height="9"/><path d="M4.8 4v4M7.2 4v4"/>'
_CHECK = '<path d="M1.8 6.4 4.8 9.4 10.2 2.8"/>'

_PATTERNS = {
    "blocked": "repeating-linear-gradient(90deg,{0} 0 3px,transparent 3px 5px)",
    "failed": "repeating-linear-gradient(135deg,{0} 0 5px,color-mix(in srgb,{0} 55%,#000) 5px 7px)",
    "no work": "linear-gradient({0},{0}) 0 50%/100% 2px no-repeat",
    "partial": "linear-gradient(0deg,{0} 55%,transparent 55%)",
}

_GOOD = Mark("done", _CHECKED, "circle", theme.GREEN, "#00704F")
_WARN = Mark("warning", _TRIANGLE, "triangle", theme.ORANGE, theme.ORANGE, theme.BLACK)
_BAD = Mark("failed", _CROSS, "x", theme.VERMILION, "#B14400")
_IDLE = Mark("not run", _DOTTED, "circle_dot", theme.GREY)


def _like(mark: Mark, word: str, **changes: str) -> Mark:
    fields = {k: getattr(mark, k) for k in ("shape", "marker", "colour", "solid", "on")}
    return Mark(word, **{**fields, **changes})


MARKS: dict[str, Mark] = {
    Status.OK: _like(_GOOD, "ok"),
    Status.WARNING: _WARN,
    Status.ERROR: _like(_BAD, "error"),
    Status.MISSING: Mark("missing", _DASH, "dash", theme.GREY),
    "unlimited": Mark("no limit", _RING, "circle_cross", theme.GREY),
    QuantumState.NOT_RUN: _IDLE,
    QuantumState.RUNNING: Mark("running", _PLAY, "inverted_triangle", theme.BLUE),
    CUT_OFF: _like(_BAD, "cut off", shape=_DASH, marker="dash"),
    QuantumState.BLOCKED: Mark("blocked", _BARS, "square_cross", theme.PURPLE),
    QuantumState.FAILED: _BAD,
    QuantumState.NO_WORK: Mark("no work", _RING, "circle_cross", theme.GREY),
    QuantumState.PARTIAL: Mark("partial", _HALF, "hex", theme.ORANGE),
    QuantumState.DONE: _GOOD,
    "UNREADY": Mark("UNREADY", _DOTTED, "circle_dot", theme.GREY),
    "READY": Mark("READY", _RING, "circle", theme.SKY),
    "PENDING": Mark("PENDING", _DIAMOND, "diamond", theme.SKY),
    "RUNNING": Mark("RUNNING", _PLAY, "inverted_triangle", theme.BLUE),
    "HELD": Mark("HELD", _BARS, "square", theme.PURPLE),
    "SUCCEEDED": _like(_GOOD, "SUCCEEDED"),
    "FAILED": _like(_BAD, "FAILED"),
    "DELETED": Mark("DELETED", _DASH, "dash", theme.GREY),
    "waiting": _like(_IDLE, "waiting"),
    "ready": Mark("ready", _RING, "circle", theme.SKY),
    "paused": Mark("paused", _PAUSED, "square", theme.SKY),
    "accepted": _like(_GOOD, "accepted"),
    "rejected": Mark("rejected", _CROSSED, "circle_x", theme.VERMILION),
    "enabled": Mark("enabled", _PLAY, "inverted_triangle", theme.BLUE),
    "disabled": Mark("disabled", _DASH, "dash", theme.GREY),
    "good": _like(_GOOD, "good"),
    "bad": _like(_BAD, "bad"),
    "partly bad": Mark("partly bad", _HALF, "hex", theme.VERMILION),
    "PASS": _like(_GOOD, "PASS", shape=_CHECK),
    "WARN": _like(_WARN, "WARN"),
    "FAIL": _like(_BAD, "FAIL"),
    "NO DATA": Mark("NO DATA", _DOTTED, "circle_dot", theme.GREY),
    "up": _like(_GOOD, "up"),
    "down": _like(_BAD, "down"),
    "late": _like(_WARN, "late"),
    "full": Mark("full", _SQUARE, "square", theme.VERMILION),
    "event": Mark("event", _DISC, "circle", theme.PURPLE),
}
"""Every state the platform knows, by the word under which it is recorded."""


def mark(state: str) -> Mark:
    """How a state is shown; a word that is not known here is shown as itself."""
    return MARKS.get(str(state)) or Mark(str(state), _DIAMOND, "diamond", theme.GREY)


def chip(state: str, text: str = "") -> str:
    """HTML of a state: shape and word."""
    shown = mark(state)
    return f'<span class="chip">{shown.svg()}{text or shown.word}</span>'


def legend(states: list[str]) -> str:
    """HTML that explains the shapes of a figure."""
    items = "".join(f"<span>{mark(s).svg()}{mark(s).word}</span>" for s in states)
    return f'<div class="legend" role="note">{items}</div>'
