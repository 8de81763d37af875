"""The page of a person's own space as HTML: no script, readable without anything else being loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.filesize import decimal

if TYPE_CHECKING:
    from hven.retention.space import OwnProduct, Space

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent);
  --quiet: color-mix(in srgb, currentColor 72%, transparent); }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0; background: light-dark(#F4F6F8, #0E1419);
  color: light-dark(#16202A, #E6ECF1); }
header { background: #0B3C5D; color: #fff; padding: 12px 24px; display: flex; justify-content: space-between; }
header a { color: #fff; }
main { max-width: 1100px; margin: 0 auto; padding: 16px 24px; }
h1 { font-size: 22px; font-weight: 600; margin: 8px 0; } h2 { font-size: 16px; margin: 0 0 8px; }
section { background: light-dark(#fff, #151D24); border: 1px solid var(--line); border-radius: 6px; padding: 12px 16px;
  margin: 16px 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 4px 12px 4px 0;
  border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-size: 12px; overflow-wrap: anywhere; } .quiet { color: var(--quiet); font-size: 12px; }
meter, progress { width: 100%; height: 20px; } .bad { color: light-dark(#A63C00, #FF9A5C); font-weight: 600; }
button { font: inherit; padding: 6px 14px; border-radius: 4px; border: 1px solid #0072B2; background: #0072B2;
  color: #fff; cursor: pointer; margin: 8px 8px 0 0; } button.second { background: none; color: inherit; }
"""


class Working(Protocol):
    """What is being done: see `hven.hub.space_page.Work`."""

    text: str
    done: int
    of: int
    running: bool
    error: str


@dataclass(frozen=True)
class Home:
    """Somebody's home: whether its disk is full, and then its largest files."""

    folder: Path
    full: bool
    largest: Sequence[tuple[Path, int]]


@dataclass(frozen=True)
class Shown:
    """What the page shows; without a space `problem` says why."""

    space: Space | None
    problem: str
    home: Home


def page(shown: Shown, work: Working, token: str, lab: str) -> str:
    """The whole page.

    Parameters
    ----------
    shown
        What there is.
    work
        What is being done; while it is, the page loads itself again.
    token
        Hidden field of the forms.
    lab
        Address of JupyterLab.
    """
    refresh = '<meta http-equiv="refresh" content="1">' if work.running else ""
    parts = [_work(work), _home(shown.home)]
    if shown.space is None:
        parts.append(f'<section class="bad">Your products cannot be listed now: {escape(shown.problem)}</section>')
    else:
        parts += _space(shown.space, token, busy=work.running)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Your space - hven</title>{refresh}'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<header><strong>hven</strong><a href="{escape(lab)}">JupyterLab</a></header>'
        f"<main><h1>Your space</h1>{''.join(parts)}</main></body></html>"
    )


def _work(work: Working) -> str:
    error = f'<section class="bad" role="alert">{escape(work.error)}</section>' if work.error else ""
    if not work.running:
        return error
    share = f'value="{work.done}" max="{work.of}"' if work.of else ""
    count = f"{work.done} of {work.of}" if work.of else ""
    return f"<section><h2>{escape(work.text)} {count}</h2><progress {share}></progress></section>{error}"


def _home(home: Home) -> str:
    if not home.full:
        return ""
    rows = _rows((decimal(size), f"<code>{escape(str(path))}</code>") for path, size in home.largest)
    return (
        f'<section><h2 class="bad">The disk of your home folder {escape(str(home.folder))} is full</h2>'
        "<p>Nothing can be written there. Delete what you do not need in JupyterLab's list of files or in a terminal; "
        "until then settings are kept elsewhere and forgotten when your server stops. The largest files:</p>"
        f'<table><tr><th class="number">Size</th><th>File</th></tr>{rows}</table></section>'
    )


def _space(space: Space, token: str, *, busy: bool) -> list[str]:
    again = [own for own in space.products if own.reproducible]
    kept = [own for own in space.products if not own.reproducible]
    lying = [
        (_box(path.rpartition("/")[2]), decimal(size), "", f"<code>{escape(path)}</code>", "not registered")
        for path, size in space.unregistered.items()
    ]
    return [
        _usage(space),
        _trash(space, token, busy=busy),
        _form(
            "Can be made again", "The command makes the same once more.", _products(again), token, busy=busy, all_=True
        ),
        _form("Cannot be made again", "What you remove here is lost.", [*_products(kept), *lying], token, busy=busy),
    ]


def _usage(space: Space) -> str:
    bad = ' class="bad"' if space.is_full else ""
    limit = f" of {decimal(space.quota)}" if space.quota else ""
    meter = (
        f'<meter value="{space.used}" max="{space.quota}" high="{space.quota * 0.9}"></meter>' if space.quota else ""
    )
    told = "Nothing more can be saved or processed until something is removed. " if space.is_full else ""
    return (
        f"<section><h2{bad}>Your own products take {decimal(space.used)}{limit}</h2>{meter}"
        f"<p>{told}{decimal(space.reproducible)} can be made again.</p></section>"
    )


def _trash(space: Space, token: str, *, busy: bool) -> str:
    if not space.trash:
        return ""
    return (
        f'<section><form method="post">{token}<h2>{decimal(space.trash)} in the trash</h2>'
        "<p>It counts until it is deleted.</p>"
        f"{_button('empty', 'Delete it for good', busy=busy)}</form></section>"
    )


Row = tuple[str, ...]


def _products(owned: Iterable[OwnProduct]) -> list[Row]:
    return [
        (
            _box(own.product.id),
            decimal(own.product.size_bytes),
            f"{own.age_days:.0f} d",
            f'{escape(str(own.product.ref))}<br><span class="quiet">{escape(own.product.run)}</span>',
            f"<code>{escape(own.again.command)}</code>" if own.reproducible else escape(own.again.reason),
        )
        for own in owned
    ]


def _box(product_id: str) -> str:
    return f'<input type="checkbox" name="id" value="{escape(product_id)}" aria-label="{escape(product_id)}">'


def _form(title: str, text: str, rows: Sequence[Row], token: str, *, busy: bool, all_: bool = False) -> str:
    if not rows:
        return ""
    everything = _button("reproducible", "Remove all of these", busy=busy, second=True) if all_ else ""
    head = '<tr><th></th><th class="number">Size</th><th class="number">Age</th><th>Product</th><th>How</th></tr>'
    return (
        f'<section><form method="post">{token}<h2>{title}</h2><p class="quiet">{text}</p>'
        f"<table>{head}{_rows(rows, first=1)}</table>"
        f"{_button('remove', 'Remove the chosen', busy=busy)}{everything}</form></section>"
    )


def _rows(rows: Iterable[Row], *, first: int = 0) -> str:
    """Rows of a table whose numbers begin at a column."""
    numbers = {first, first + 1} if first else {0}
    return "".join(
        "<tr>" + "".join(f"<td{' class=number' * (i in numbers)}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )


def _button(action: str, text: str, *, busy: bool, second: bool = False) -> str:
    state = " disabled" * busy + ' class="second"' * second
    return f'<button name="action" value="{action}"{state}>{text}</button>'
