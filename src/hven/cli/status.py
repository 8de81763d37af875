"""`hven status`."""

from __future__ import annotations

import typer

from hven.cli.options import Json, Site, choose_site


def status(*, as_json: Json = False, site: Site = None) -> None:
    """Show what runs, where, and when it last gave a sign of life; exit code 7 unless all is well."""
    import json
    from dataclasses import asdict

    from rich.text import Text

    from hven.cli.console import output, table
    from hven.core.settings import load_settings
    from hven.hub.status import status as look

    choose_site(site)
    found = look(load_settings())
    if as_json:
        print(json.dumps(asdict(found), indent=1))
    else:
        console = output()
        at = f" at {found.address}, user {found.user}" if found.address else ""
        console.print(Text.assemble("The platform is ", (found.phase, "bold"), at))
        shown = table("service", "state", "pid", "heartbeat", "restarts", "version", "address")
        for row in found.services:
            beat = "" if row.heartbeat_age_s is None else f"{row.heartbeat_age_s:.0f} s ago"
            shown.add_row(row.name, row.state, str(row.pid or ""), beat, str(row.restarts), row.version, row.address)
        if found.services:
            console.print(shown)
    if found.phase != "ready" or any(row.state != "running" for row in found.services):
        raise typer.Exit(7)
