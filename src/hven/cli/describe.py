"""`hven describe`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Level, Site


def describe(
    dataset_type: Annotated[str, typer.Argument(help="Dataset type; lists all if left out.")] = "",
    level: Level = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Page of all types of all installed instruments.")
    ] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say what a dataset type holds: variables, dims, units and meaning."""
    if markdown:
        from hven import instruments
        from hven.observatory.describe import dataset_types_page

        print(dataset_types_page({name: instruments.load(name) for name in instruments.available()}), end="")
        return
    from hven.observatory import connect

    with connect(site) as obs:
        if not dataset_type:
            _list([(str(t.type_name), t.form, t.doc) for t in obs.dataset_types], as_json=as_json)
            return
        described = obs.describe(dataset_type, level)
    if as_json:
        _print_json(described.head, described.rows())
    else:
        _print(described.head, described.rows())


def _list(types: list[tuple[str, str, str]], *, as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.table import Table

    if as_json:
        print(json.dumps([dict(zip(("type", "form", "meaning"), t, strict=True)) for t in types], indent=1))
        return
    table = Table("type", "form", "meaning", box=None, header_style="bold")
    for row in types:
        table.add_row(*row)
    Console(highlight=False).print(table)


def _print(head: str, rows: list[tuple[str, str, str, str, str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hven.observatory.describe import COLUMNS

    table = Table(*COLUMNS, box=None, header_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = Console(highlight=False)
    console.print(head, markup=False)
    console.print(table)


def _print_json(head: str, rows: list[tuple[str, str, str, str, str]]) -> None:
    import json

    from hven.observatory.describe import COLUMNS

    variables = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    print(json.dumps({"description": head, "variables": variables}, indent=1))
