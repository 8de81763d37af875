"""`hven plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Json

if TYPE_CHECKING:
    from hven.batch.planner.plan import WorkedOut

_SHOWN = 4
_MEASURED = Path(".bench", "measured.json")


def plan(
    name: Annotated[str, typer.Argument(help="Plan file, or one that hven brings; lists these if left out.")] = "",
    *,
    measured: Annotated[
        Path | None, typer.Option(help="File of `make bench`; default is .bench/measured.json, if it is there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how big computers must be: data, cores, disk and bandwidth, with assumptions and what they weigh."""
    import json

    from hven.batch.planner.measured import read_facts
    from hven.batch.planner.plan import read_plan, shipped, work_out

    if not name:
        for each in shipped():
            print(f"{each}  {read_plan(each).doc}")
        return
    file = measured or (_MEASURED if _MEASURED.exists() else None)
    found = work_out(read_plan(name), read_facts(file) if file else {})
    if as_json:
        print(json.dumps(_as_json(found), indent=1))
        return
    _print(found)


def _as_json(found: WorkedOut) -> dict[str, Any]:
    return {
        "plan": found.plan.name,
        "assumptions": [
            {
                "name": k.name, "value": float(k.value.to_value(k.unit)), "unit": k.unit, "origin": k.origin,
                "measured": k.measured,
            }
            for k in found.known
        ],
        "answers": [
            {
                "mode": a.mode, "name": a.name, "value": float(a.value.to_value(a.unit)), "unit": a.unit,
                "sensitivity": dict(found.sensitivity[a.key]),
            }
            for a in found.answers
        ],
        "statements": [
            {
                "mode": c.answer.mode, "answer": c.answer.name, "sense": c.statement.sense,
                "says": float(c.says.to_value(c.answer.unit)), "follows": float(c.answer.value.to_value(c.answer.unit)),
                "unit": c.answer.unit, "holds": c.holds, "source": c.statement.source,
            }
            for c in found.checked
        ],
    }  # fmt: skip


def _print(found: WorkedOut) -> None:
    from rich.text import Text

    from hven.batch.planner.quantity import written
    from hven.cli.console import output, table

    console = output()
    console.soft_wrap = True
    console.print(Text.assemble((found.plan.name, "bold"), f": {found.plan.doc}"))
    shown = table("assumption", "value", "source")
    for known in found.known:
        shown.add_row(known.name, known.text, known.origin)
    console.print(shown)
    for mode in found.plan.modes:
        shown = table(mode, "value", "percent for each percent more of")
        for answer in (a for a in found.answers if a.mode == mode):
            weights = sorted(found.sensitivity[answer.key].items(), key=lambda pair: -abs(pair[1]))
            told = ", ".join(f"{name.removeprefix(f'mode {mode}: ')} {weight:+g}" for name, weight in weights[:_SHOWN])
            shown.add_row(answer.name, written(answer.value, answer.unit), told)
        console.print(shown)
    for checked in found.checked:
        answer, statement = checked.answer, checked.statement
        says, follows = written(checked.says, answer.unit), written(answer.value, answer.unit)
        verdict = ("agrees", "") if checked.holds else ("contradicts", "bold")
        told = f": {answer.key}: {statement.sense} {says} ({statement.source}); {follows} follows"
        console.print(Text.assemble(verdict, told))
    if not any("GPUs" in answer.name for answer in found.answers):
        console.print("GPUs: none; no figure was measured on one")
