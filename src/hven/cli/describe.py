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

    from hven.cli.console import output, table

    if as_json:
        print(json.dumps([dict(zip(("type", "form", "meaning"), t, strict=True)) for t in types], indent=1))
        return
    shown = table("type", "form", "meaning")
    for row in types:
        shown.add_row(*row)
    output().print(shown)


def _print(head: str, rows: list[tuple[str, str, str, str, str]]) -> None:
    from hven.cli.console import output, table
    from hven.observatory.describe import COLUMNS

    shown = table(*COLUMNS)
    for row in rows:
        shown.add_row(*row)
    print(head)
    output().print(shown)


def _print_json(head: str, rows: list[tuple[str, str, str, str, str]]) -> None:
    import json

    from hven.observatory.describe import COLUMNS

    variables = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    print(json.dumps({"description": head, "variables": variables}, indent=1))
