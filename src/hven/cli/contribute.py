"""`hven contribute`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Site

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


@contribute.command()
def compare(
    run: Annotated[str, typer.Argument(help="Collection of what is new, e.g. u/ada/nightly/20251022T071822Z.")],
    *,
    against: Annotated[
        str, typer.Option(help="Collection to compare with; what is found by default if left out.")
    ] = "",
    site: Site = None,
) -> None:
    """Compare a run with what the present release made: equal or not, and every quality metric that differs."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.compare(run, against)
    print(
        f"{len(found.equal)} products equal, {len(found.different)} different, {len(found.new)} without a counterpart"
    )
    for product in found.different:
        print(f"  {product.ref.type}  {product.ref.data_id}")
    if not found.metrics.empty:
        print(found.metrics.to_string(index=False))
