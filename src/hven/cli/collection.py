"""`hven collection`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site

collection = typer.Typer(help="Named groups of products, and who may read them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Collection, e.g. panoseti/raw/all.")]


@collection.command("list")
def list_(as_json: Json = False, site: Site = None) -> None:
    """List collections."""
    import json
    from dataclasses import asdict

    from hven.cli.console import output, table
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.registry.collections()
    if as_json:
        print(json.dumps([asdict(c) for c in found], indent=1))
        return
    shown = table("name", "kind", "access", "text")
    for one in found:
        shown.add_row(one.name, str(one.kind), str(one.access), one.doc or ", ".join(one.children))
    output().print(shown)


@collection.command()
def show(name: Name, as_json: Json = False, site: Site = None) -> None:
    """Show a collection, how many products it holds, and whether its folders have the rights of its class."""
    import json
    from dataclasses import asdict

    from hven.access.change import find_collection, strays
    from hven.observatory import connect

    with connect(site) as obs:
        found = find_collection(obs.registry, name)
        products = len(obs.registry.find(collection=name))
        wrong = [str(folder) for folder in strays(obs.registry, obs.settings, found)]
    if as_json:
        print(json.dumps({**asdict(found), "products": products, "wrong_folders": wrong}, indent=1))
        return
    print(f"{found.name}  {found.kind}  {found.access}  {products} products  {found.doc}".rstrip())
    for child in found.children:
        print(f"  {child}")
    if wrong:
        print(f"{len(wrong)} folders have other rights, e.g. {wrong[0]}")
        print(f"  `hven collection access {name} {found.access}` puts them right.")


@collection.command()
def access(
    name: Name,
    access_class: Annotated[str, typer.Argument(metavar="CLASS", help="public, collaboration or operators.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Change who may read a collection; asked for again, it finishes what was interrupted."""
    import json
    from dataclasses import asdict

    from hven.access.change import change_access
    from hven.cli.console import working
    from hven.core.errors import UnknownNameError
    from hven.model.collection import AccessClass
    from hven.observatory import connect

    if access_class not in list(AccessClass):
        raise UnknownNameError("access class", access_class, AccessClass)
    with connect(site) as obs, working("Changing folders") as tell:
        changed = change_access(
            obs.registry,
            obs.settings,
            name,
            AccessClass(access_class),
            progress=lambda done: tell(f"Changing folders: {done}"),
        )
    if as_json:
        print(json.dumps(asdict(changed)))
    else:
        print(f"{name} is {changed.now}, was {changed.before}; {changed.changed} of {changed.folders} folders changed")
