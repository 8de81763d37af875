"""`hven project`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site

project = typer.Typer(help="Projects: what a Unix group makes together.", no_args_is_help=True)


@project.command("list")
def list_(as_json: Json = False, site: Site = None) -> None:
    """List projects."""
    import json

    from hven.access.projects import projects
    from hven.core.settings import load_settings

    found = projects(load_settings(site))
    print(json.dumps(found) if as_json else "\n".join(found) or "there are no projects")


@project.command()
def make(
    group: Annotated[str, typer.Argument(help="Unix group; its members write and read.")], site: Site = None
) -> None:
    """Make the folder of a project, or put its rights right; takes root."""
    from hven.core.settings import load_settings
    from hven.hub.machine.folders import make_project

    made = make_project(load_settings(site), group)
    print(f"p/{group}: {made}")
