"""`hven database`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site

database = typer.Typer(help="Where registry and jobs are kept.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """Keep `move` a command of its own."""


@database.command()
def move(
    to: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database, e.g. postgresql:///hven.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Copy registry, jobs, audit and ledgers from SQLite to PostgreSQL; the old files stay as they are."""
    import json
    from dataclasses import asdict

    from hven.cli.console import working
    from hven.core.settings import load_settings, site_file
    from hven.hub.state.move import move as copy

    settings = load_settings(site)
    with working("Copying and comparing"):
        copied = copy(settings, to)
    if as_json:
        print(json.dumps([asdict(one) for one in copied]))
        return
    for one in copied:
        print(f"{one.rows:9d} {one.table:24} {one.digest[:16]}")
    file = site_file(site) or "the site file (in a checkout .hven/site.yaml)"
    print(f"\nAll equal. Now write the URL that you gave into {file}, as registry_url and as platform_url,")
    print(f"start the platform, and when all is well remove the old files in {settings.state}.")
