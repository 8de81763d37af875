"""`hven ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from rich.console import Console

    from hven.archive.completeness.model import Line, NightCount

_SHOWN = 30


def ledger(
    day_obs: Annotated[int | None, typer.Argument(help="Observing day YYYYMMDD; all nights if left out.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="So many of the latest nights.")] = _SHOWN,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say how far each night, or each dataset of one, has come: announced, archived, whole, registered, L1, L2.

    The batch service keeps it up to date; `hven audit` looks more closely.
    """
    import json

    from hven.archive.completeness import queries
    from hven.cli.console import output
    from hven.core.settings import load_settings

    settings = load_settings(site)
    nights = queries.nights(settings, day_obs=day_obs, limit=limit)
    lines = [line for n in nights if day_obs for line in queries.lines(settings, n.instrument, n.day_obs)]
    found = queries.findings(settings, day_obs=day_obs) if day_obs else []
    if as_json:
        parts: dict[str, Sequence[BaseModel]] = {"nights": nights, "lines": lines, "findings": found}
        print(json.dumps({name: [one.model_dump(mode="json") for one in some] for name, some in parts.items()}))
        return
    console = output()
    _show_nights(console, nights)
    if day_obs:
        _show_lines(console, lines)
    for finding in found:
        console.print(f"{finding.kind}: {finding.path}: {finding.detail}", soft_wrap=True)


def _show_nights(console: Console, nights: list[NightCount]) -> None:
    from hven.cli.console import table

    shown = table("night", "announced", "archived", "whole", "registered", "L1", "L2", "amiss")
    for night in nights:
        announced = str(night.announced) if night.logged else "no log"
        done = (f"{night.l1} of {night.l1_wanted}", f"{night.l2} of {night.l2_wanted}")
        counts = (night.archived, night.whole, night.registered)
        name = f"{night.day_obs} {night.instrument}"
        shown.add_row(name, announced, *(f"{n} of {night.datasets}" for n in counts), *done, str(night.findings))
    console.print(shown)


def _show_lines(console: Console, lines: list[Line]) -> None:
    from hven.cli.console import table

    shown = table("dataset", "announced", "archived", "whole", "registered", "L1", "L2")
    for line in lines:
        frames = ("" if n is None else str(n) for n in (line.announced, line.archived))
        levels = (_level(line, level) for level in ("L1", "L2"))
        yes = ("yes" if flag else "no" for flag in (line.whole, line.product))
        shown.add_row(f"{line.observation} {line.dataset_type} {line.data_id}".rstrip(), *frames, *yes, *levels)
    console.print(shown)


def _level(line: Line, level: str) -> str:
    if level not in line.levels:
        return ""
    return "yes" if level in line.done else "no"
