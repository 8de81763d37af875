"""`hven registry`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Json, Site

registry = typer.Typer(help="The index of products.", no_args_is_help=True)


@registry.command()
def rebuild(as_json: Json = False, site: Site = None) -> None:
    """Make the index again from what lies on the disk; readers see the old one until it is complete."""
    import json

    from hven.cli.console import working
    from hven.core.errors import DataError, describe
    from hven.core.settings import load_settings
    from hven.registry.rebuild import rebuild as run

    settings = load_settings(site)
    with working("Reading products and journal"):
        found = run(settings.registry_url, settings.root)
    if as_json:
        counts = {"products": found.products, "edits": found.edits, "quanta": found.quanta}
        print(json.dumps({**counts, "problems": [describe(problem) for problem in found.problems]}))
    else:
        print(f"{found.products} products, {found.edits} edits of collections, {found.quanta} quantum records")
        for problem in found.problems:
            print(f"left out: {problem}")
    if found.problems:
        raise DataError(
            f"{len(found.problems)} things could not be read and are left out; everything else is in the index",
            hint="Mend what is listed, then run `hven registry rebuild` again.",
        )


@registry.command()
def catalogs(
    folder: Annotated[Path, typer.Option(help="Folder for main.yaml and one file for each instrument.")] = Path(
        "catalogs"
    ),
) -> None:
    """Write the Intake catalogs of all installed instruments."""
    from hven import instruments
    from hven.catalog.make import write_catalogs

    for file in write_catalogs(folder, {name: instruments.load(name) for name in instruments.available()}):
        print(file)
