"""`hven announce`."""

from __future__ import annotations

from typing import Annotated

import typer


def announce(
    text: Annotated[str, typer.Argument(help="What everybody shall know; without it, show what is announced.")] = "",
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Announce nothing any more.")] = False,
) -> None:
    """Tell everybody something: on the hub's pages, the dashboards and in JupyterLab."""
    from hven.core.settings import load_settings
    from hven.hub.announcement import announce as tell
    from hven.hub.announcement import read_announcement
    from hven.hub.mode import mode_of

    file = mode_of(load_settings()).announcement
    if text or clear:
        tell(file, "" if clear else text)
    print(read_announcement(file) or "Nothing is announced.")
