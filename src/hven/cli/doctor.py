"""`hven doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site, choose_site

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    *,
    server: Annotated[
        bool, typer.Option("--server", help="What an installation for many users needs; see it as root.")
    ] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say in words what is wrong with this installation, and how to mend it; exit code 1 when something is."""
    import json
    from dataclasses import asdict

    from rich.text import Text

    from hven.cli.console import output
    from hven.core.settings import SYSTEM_SITE, load_settings, site_file
    from hven.hub.doctor import doctor as examine
    from hven.hub.machine.checks import examine as examine_server

    choose_site(site)
    settings = load_settings()
    findings = list(examine_server(settings, site_file() or SYSTEM_SITE)) if server else examine(settings)
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        console = output()
        for finding in findings:
            level = Text(f"{finding.level:<7}", style=_COLOURS[finding.level])
            console.print(level, f" {finding.check}: {finding.says}", soft_wrap=True)
            if finding.hint:
                console.print(f"         {finding.hint}", soft_wrap=True)
    if not all(f.level != "problem" for f in findings):
        raise typer.Exit(1)
