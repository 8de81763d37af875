"""`hven contribute`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

contribute = typer.Typer(help="Tasks of one's own, as packages beside hven.", no_args_is_help=True)


@contribute.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case words with - between, e.g. count-bright.")],
    *,
    folder: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path(),
) -> None:
    """Write a package with a task, its dataset type, its pipeline and its contract tests, ready to be changed."""
    from hven.testing.contribute import new_package

    made = new_package(name, folder)
    print(f"{made}: install it with `pip install --editable {made}`, test it with `pytest {made}`")
