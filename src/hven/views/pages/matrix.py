"""Matrix of a campaign: a row for each group, a column for each step, in each cell its state and its counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from hven.views import formats, markup, states

ROWS = 100
URGENT = ("failed", "running", "ready", "blocked")
"""Groups in these states come first, where not all can be shown."""

Opens = Callable[[int], str]
"""Address of a job."""


def matrix(campaign: Any, opens: Opens) -> str:
    """Groups by steps; a step that has not been planned yet has no groups."""
    cells = {(g.name, step.number): g for step in campaign.steps for g in step.groups}
    names = sorted({name for name, _ in cells}, key=_natural)
    if not names:
        return markup.part("Groups", "<p class='quiet'>They are known when the first step begins.</p>")
    shown = names if len(names) <= ROWS else sorted(names, key=lambda n: _urgency(cells, n))[:ROWS]
    rows = [_row(campaign, name, cells, opens) for name in shown]
    left = f"{len(shown)} of {len(names)}, those with failures first" if len(shown) < len(names) else str(len(names))
    return markup.part("Groups", markup.table(["Group", *(s.name for s in campaign.steps)], rows), left)


def _natural(name: str) -> list[tuple[int, str]]:
    """Order in which people count: detector=3 before detector=254."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _urgency(cells: dict[tuple[str, int], Any], name: str) -> tuple[int, str]:
    found = {str(group.state) for (other, _), group in cells.items() if other == name}
    return next((n for n, state in enumerate(URGENT) if state in found), len(URGENT)), name


def _row(campaign: Any, name: str, cells: dict[tuple[str, int], Any], opens: Opens) -> list[markup.Cell]:
    return [
        (escape(name), "name"),
        *((_at(step, cells.get((name, step.number)), opens), "name") for step in campaign.steps),
    ]


def _at(step: Any, group: Any, opens: Opens) -> str:
    if group is not None:
        return _cell(group, opens)
    return "" if step.groups else f"<span class='quiet'>{states.mark('not run').svg(10)} not planned</span>"


def _cell(group: Any, opens: Opens) -> str:
    tally = group.quanta
    counts = f"{tally.done:,} / {tally.total:,}" if tally.total else formats.MISSING
    bad = f", {tally.bad:,} bad" if tally.bad else ""
    tries = f", try {group.tries}" if group.tries > 1 else ""
    chip = states.chip(group.state)
    shown = f'<a href="{escape(opens(group.job), quote=True)}" class="plain">{chip}</a>' if group.job else chip
    return f"{shown} <span class='quiet' title='{escape(group.error, quote=True)}'>{counts}{bad}{tries}</span>"
