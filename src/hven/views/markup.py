"""Small pieces of HTML from which pages are made; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import panel as pn

from hven.core.errors import HvenError
from hven.views import theme
from hven.views.states import mark
from hven.views.verdict import Verdict

Cell = tuple[str, str]
"""HTML of a table cell and its class: `number`, `wrap` or none."""


def html(body: str, **layout: Any) -> pn.pane.HTML:
    """Put HTML into the page, in the platform's style."""
    return pn.pane.HTML(body, stylesheets=[theme.CSS], sizing_mode="stretch_width", **{"margin": 0, **layout})


def heading(title: str, note: str = "") -> str:
    """Title of a section, with a quiet note behind it."""
    return f'<h2>{escape(title)} <span class="quiet">{escape(note)}</span></h2>'


def part(title: str, body: str, note: str = "") -> str:
    """Part of a card: a small title and what belongs to it."""
    return f'<h3>{escape(title)} <span class="quiet">{escape(note)}</span></h3>{body}'


def facts(values: Mapping[str, str], *, plain: bool = False) -> str:
    """Names with their values, side by side; values are HTML."""
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{v}</dd></div>" for k, v in values.items())
    return f'<dl class="facts{" plain" if plain else ""}">{items}</dl>'


def banner(verdict: Verdict) -> str:
    """Verdict: the word, the cause, the next step."""
    shown = mark(verdict.word)
    step = escape(verdict.next_step)
    command = f" <code>{escape(verdict.command)}</code>" if verdict.command else ""
    return (
        f'<div class="banner" role="status" style="--state:{shown.solid};--on:{shown.on}">'
        f'<span class="word">{shown.svg(16, shown.on)}{shown.word}</span>'
        f'<div><div class="cause">{escape(verdict.cause)}</div><div class="next">{step}{command}</div></div></div>'
    )


def empty(what: str, why: str = "", command: str = "") -> str:
    """Say that there is nothing, why, and what would change that."""
    code = f"<p style='margin-top:8px'><code>{escape(command)}</code></p>" if command else ""
    return f'<div class="empty"><div class="what">{escape(what)}</div><p>{escape(why)}</p>{code}</div>'


def problem(error: Exception) -> str:
    """Say what went wrong; the traceback is in the service's log, not here."""
    if isinstance(error, HvenError):
        return empty(error.message, error.hint)
    return empty("This part of the page failed", f"{type(error).__name__}: {error}. The service's log has the details.")


def said(state: str, what: str, hint: str = "") -> str:
    """Say what came of something, and what to do next."""
    return (
        f'<p role="status" class="said" style="--state:{mark(state).colour}">{mark(state).svg()} {escape(what)} '
        f'<span class="quiet">{escape(hint)}</span></p>'
    )


def change(pane: pn.pane.HTML, body: str) -> None:
    """Send what a pane shows only when it has changed, so that nothing flickers."""
    if pane.object != body:
        pane.object = body


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Table of HTML cells; a column is right-aligned where its first cell is a number."""
    listed = [list(row) for row in rows]
    classes = [cell[1] for cell in listed[0]] if listed else [""] * len(columns)
    head = "".join(f'<th class="{c}">{escape(name)}</th>' for name, c in zip(columns, classes, strict=True))
    body = "".join("<tr>" + "".join(f'<td class="{c}">{text}</td>' for text, c in cells) + "</tr>" for cells in listed)
    return f'<div class="scroll"><table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bar(fraction: float, label: str) -> str:
    """Progress or filling, as a bar with its label in words."""
    filled = min(max(fraction, 0.0), 1.0)
    return f'<span class="bar" aria-hidden="true"><i style="width:{filled:.1%}"></i></span>{escape(label)}'


def shares(counts: Mapping[str, int], total: int) -> str:
    """Bar of how many are in each state, each with a pattern of its own; what is left is empty.

    Examples
    --------
    >>> shares({"done": 3, "failed": 1}, 8).count("<i ")
    2
    """
    parts = "".join(
        f'<i style="width:{min(count / total, 1):.2%};background:{mark(state).pattern}"></i>'
        for state, count in counts.items()
        if count
    )
    return f'<span class="bar shares" aria-hidden="true">{parts}</span>'


def marks(counts: Mapping[str, int]) -> str:
    """How many are in each state: shape, number and word."""
    items = (f"<span>{mark(s).svg(10)}{n:,} {mark(s).word}</span>" for s, n in counts.items() if n)
    return f'<span class="legend">{"".join(items)}</span>'


def key(lines: Mapping[str, str]) -> str:
    """Explain the lines of a picture: colour and meaning."""
    items = "".join(f'<span><i style="background:{colour}"></i>{escape(text)}</span>' for colour, text in lines.items())
    return f'<div class="legend lines" role="note">{items}</div>'


def link(text: str, target: str) -> str:
    """Link to another page."""
    return f'<a href="{escape(target, quote=True)}">{escape(text)}</a>'
