"""How far the data of a night have come, and why some have not."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import panel as pn

from hven.archive.completeness import queries as of_ledger
from hven.model.data_id import Level
from hven.observatory import Observatory
from hven.views import markup, queries, states, theme
from hven.views.frame import section

EXPLAINED = 10
"""So many missing datasets are explained."""


def completeness(observatory: Observatory, of_night: pd.DataFrame, night: int) -> pn.Column:
    """Datasets of frames at each step, and a button that asks why some are missing."""
    raw = queries.frames(of_night)
    whole, calibrated = len(raw), len(queries.frames(of_night, Level.L1))
    measured = len(of_night[(of_night["level"] == Level.L2) & of_night["what"].str.endswith(".qc")])
    steps = {
        **_archived(raw, announced(observatory, night)),
        "calibrated (L1)": _step(calibrated, whole),
        "measured (L2 quality)": _step(measured, whole),
    }
    cells = "".join(f"<div>{states.chip(s)}<b>{n}</b>{name}</div>" for name, (n, s) in steps.items())
    parts = [markup.html(f'<div class="steps">{cells}</div>')]
    if calibrated < whole:
        parts.append(_missing(observatory, of_night))
    return section("Completeness", *parts, note="datasets of frames")


def announced(observatory: Observatory, night: int) -> int | None:
    """How many datasets of frames the instruments' exposure logs say were taken; None where there is no log."""
    seen = {c.name.partition("/")[0] for c in observatory.registry.collections()}
    logged = [n for n in of_ledger.nights(observatory.settings, day_obs=night) if n.logged and n.instrument in seen]
    lines = [line for n in logged for line in of_ledger.lines(observatory.settings, n.instrument, night)]
    frames = [x for x in lines if x.announced is not None and x.dataset_type.partition(".")[2] in queries.FRAMES]
    return len(frames) if logged else None


def _archived(raw: pd.DataFrame, expected: int | None) -> dict[str, tuple[str, str]]:
    """What should be there, where somebody has said so, and what is."""
    broken = any("partial" in flags for flags in raw["flags"])
    step = _step(len(raw), expected) if expected is not None and expected > len(raw) else (f"{len(raw)}", "done")
    there = {"on disk, verified (L0)": (step[0], "partial") if broken else step}
    return there if expected is None else {"announced": (f"{expected}", "done"), **there}


def _missing(observatory: Observatory, of_night: pd.DataFrame) -> pn.Column:
    """What is missing and why; looked up when somebody asks."""
    answer = markup.html("")

    def tell(_event: Any) -> None:
        ask.loading = True
        texts = queries.explanations(observatory, of_night, EXPLAINED)
        answer.object = "".join(_because(*group) for group in _grouped(texts)) + _unexplained(of_night, len(texts))
        ask.param.update(loading=False, visible=False)

    ask = pn.ui.Button(label="What is missing, and why?", on_click=tell, size="small", variant="outlined",
                       margin=(theme.SPACE, 0))  # fmt: skip
    return pn.Column(ask, answer, sizing_mode="stretch_width", margin=0)


def _grouped(texts: list[str]) -> list[tuple[str, str, list[str]]]:
    """Explanations by their reason: the reason, the chain that leads to it, and the datasets that miss for it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        first, _, chain = text.partition("\n")
        what, _, reason = first.partition(": ")
        groups.setdefault((reason, chain), []).append(what)
    return [(reason, chain, what) for (reason, chain), what in groups.items()]


def _because(reason: str, chain: str, what: list[str]) -> str:
    items = "".join(f"<li>{escape(one)}</li>" for one in what)
    return f"<div class='missing'><b>{escape(reason)}</b><ul>{items}</ul><pre>{escape(chain)}</pre></div>"


def _unexplained(of_night: pd.DataFrame, told: int) -> str:
    left = len(queries.frames(of_night)) - len(queries.frames(of_night, Level.L1)) - told
    return f"<p class='quiet'>{left} more are missing; these were the first {told}.</p>" if left > 0 else ""


def _step(count: int, whole: int) -> tuple[str, str]:
    state = "done" if count >= whole else "partial" if count else "not run"
    return f"{count} of {whole}", state
