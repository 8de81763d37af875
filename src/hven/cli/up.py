"""`hven up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Site, choose_site


def up(
    raw: Annotated[
        Path | None, typer.Option(help="Folder of raw runs to take in and process first.", exists=True)
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the one address people use.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything answers.")] = False,
    no_data: Annotated[bool, typer.Option("--no-data", help="Leave a new observatory empty.")] = False,
    site: Site = None,
) -> None:
    """Bring the platform up; Ctrl-C or `hven down` ends it. Where the site file has a section `server`, root does it.

    The first start simulates a small night, unless `--raw` names a folder, so that there is something to look at. When
    it is interrupted, the next one goes on with it.
    """
    from rich.text import Text

    from hven.cli.console import output
    from hven.core.errors import ConflictError
    from hven.core.settings import load_settings
    from hven.hub.detached import up_detached
    from hven.hub.layout import Layout
    from hven.hub.mode import mode_of
    from hven.hub.ports import read_ports
    from hven.hub.run_record import RunRecord, is_running, read_run
    from hven.hub.up import up as bring_up

    choose_site(site)
    settings = load_settings()
    if port is not None:
        settings = settings.with_port(port)
    layout = Layout.of(settings)
    console = output()

    def welcome(record: RunRecord) -> None:
        name = settings.observatory.name
        console.print(Text.assemble("\n", (name, "bold"), " is up at ", (record.address, "bold")))
        console.print(mode_of(settings).greeting(record))

    running = read_run(layout)
    if running is not None and is_running(layout):
        if port not in {None, taken := read_ports(layout.ports).public}:
            raise ConflictError(f"the platform runs already, on port {taken}", hint="`hven down` ends it first.")
        console.print("The platform is running already.")
        welcome(running)
        return
    with console.status("Starting") as line:

        def progress(text: str) -> None:
            line.update(Text(text))
            console.print(text, style="dim")

        def ready(record: RunRecord) -> None:
            line.stop()
            welcome(record)
            console.print("  Ctrl-C ends it." if not detach else "  `hven down` ends it.")

        if detach:
            up_detached(settings, raw=raw, data=not no_data, progress=progress, ready=ready)
        else:
            bring_up(settings, raw=raw, data=not no_data, progress=progress, ready=ready)
