"""`hven simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the run directories go; made if it is not there.")],
    *,
    night: Annotated[int, typer.Option(help="Observing day, YYYYMMDD.")] = 20251021,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bits.")] = 1,
    scale: Annotated[float, typer.Option(min=0.001, help="Factor on the length of the runs; 1 is some 60 MB.")] = 1.0,
    instrument: Annotated[str, typer.Option(help="Whose night.")] = "panoseti",
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Write a simulated night of raw data, and what is true of it beside them."""
    import json as json_text

    from hven.cli.console import working
    from hven.instruments import load

    plugin = load(instrument)
    with working(f"Simulating {night} of {plugin.title}"):
        truth = [str(path) for path in plugin.simulate(folder, night=night, seed=seed, scale=scale)]
    observations = {o.observation: sum(f.path.stat().st_size for f in o.files) for o in plugin.recognise(folder)}
    if json:
        print(json_text.dumps({"folder": str(folder), "observations": observations, "truth": truth}))
        return
    for name, size in observations.items():
        print(f"{name:<40} {size / 1e6:8.1f} MB")
    print(f"Truth is in {Path(truth[0]).parent}. Next: hven ingest {folder}")
