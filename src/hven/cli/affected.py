"""`hven affected`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site


def affected(
    task: Annotated[str, typer.Argument(help="E.g. frames.measure_pedestals.")],
    *,
    version: Annotated[str, typer.Option(help="The version that should not have been.")],
    redo: Annotated[
        bool, typer.Option("--redo", help="Submit jobs that make them with the installed version.")
    ] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Say that they are good as they are.")] = False,
    why: Annotated[str, typer.Option(help="Why they are accepted.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List what a version of a task has made, and what was made from that, as far as it still stands."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        made = obs.affected(task, version)
        if accept:
            made.accept(why)
        jobs = made.redo() if redo else []
        found = made.products
    if as_json:
        rows = [
            {"id": a.product.id, "path": str(a.product.path), "source": a.source, "accepted": a.accepted} for a in found
        ]
        print(json.dumps({"affected": rows, "jobs": [job.id for job in jobs]}, indent=1))
        return
    for one in found:
        source = f"from {one.source}" if one.source else f"by {task} {version}"
        accepted = "accepted" if one.accepted else ""
        print(f"{one.product.id}  {one.product.ref.type}  {one.product.ref.data_id}  {source}  {accepted}".rstrip())
    print(f"{len(found)} products, {sum(a.accepted for a in found)} accepted")
    for job in jobs:
        print(f"job {job.id} makes them again: {job.request.pipeline}")
