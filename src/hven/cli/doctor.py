"""`hven doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

_MARKS = {"ok": "[green]ok[/green]     ", "warning": "[yellow]warning[/yellow]", "problem": "[red]problem[/red]"}


def doctor(
    *,
    server: Annotated[
        bool, typer.Option("--server", help="What an installation for many users needs; see it as root.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say in words what is wrong with this installation, and how to mend it; exit code 1 when something is."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from hven.core.settings import SYSTEM_SITE, load_settings, site_file
    from hven.hub.doctor import doctor as examine
    from hven.hub.machine.checks import examine as examine_server

    settings = load_settings()
    findings = list(examine_server(settings, site_file() or SYSTEM_SITE)) if server else examine(settings)
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        console = Console(highlight=False)
        for finding in findings:
            console.print(f"{_MARKS[finding.level]}  {finding.check}: {finding.says}", soft_wrap=True)
            if finding.hint:
                console.print(f"         {finding.hint}", soft_wrap=True)
    if not all(f.level != "problem" for f in findings):
        raise typer.Exit(1)
