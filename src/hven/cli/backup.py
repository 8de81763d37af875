"""`hven backup` and `hven restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Json, Site


def backup(
    folder: Annotated[Path, typer.Argument(help="New folder; it will hold secrets and be yours alone.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Back up what exists nowhere else: jobs, audit, ledgers, the hub's users and tokens; the platform may run."""
    from hven.cli.console import working
    from hven.core.settings import load_settings
    from hven.hub.state.backup import backup as write

    with working("Copying databases and journals"):
        made = write(load_settings(site), folder)
    if as_json:
        print(made.model_dump_json())
    else:
        size = sum(file.size for file in made.files.values())
        print(f"{folder}: {made.rows['job']} jobs, {len(made.files)} files, {size / 1e6:.1f} MB")


def restore(
    folder: Annotated[Path, typer.Argument(help="As `hven backup` wrote it.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Put a backup back into an empty installation and make its registry from the disk."""
    import json
    from dataclasses import asdict

    from hven.cli.console import working
    from hven.core.settings import load_settings
    from hven.hub.state.restore import restore as put_back

    with working("Checking, copying, reading the data root"):
        found = put_back(load_settings(site), folder)
    if as_json:
        print(json.dumps({"tables": [asdict(one) for one in found.tables], "products": found.registry.products}))
        return
    for one in found.tables:
        print(f"{one.rows:9d} {one.table}")
    print(f"{found.registry.products:9d} products found on the disk")
    for problem in found.registry.problems:
        print(f"left out: {problem}")
