"""`hven status`."""

from __future__ import annotations

from typing import Annotated

import typer


def status(*, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show what runs, where, and when it last gave a sign of life; exit code 7 unless all is well."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from hven.core.settings import load_settings
    from hven.hub.status import status as look

    found = look(load_settings())
    if as_json:
        print(json.dumps(asdict(found), indent=1))
    else:
        console = Console(highlight=False)
        at = f" at {found.address}, user {found.user}" if found.address else ""
        console.print(f"The platform is [bold]{found.phase}[/bold]{at}")
        table = Table("service", "state", "pid", "heartbeat", "restarts", box=None)
        table.add_column("address", overflow="fold")
        for row in found.services:
            beat = "" if row.heartbeat_age_s is None else f"{row.heartbeat_age_s:.0f} s ago"
            table.add_row(row.name, row.state, str(row.pid or ""), beat, str(row.restarts), row.address)
        if found.services:
            console.print(table)
    if found.phase != "ready" or any(row.state != "running" for row in found.services):
        raise typer.Exit(7)
