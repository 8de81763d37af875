"""`hven share`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site


def share(
    collection: Annotated[str, typer.Argument(help="Run of your own, e.g. u/ada/my-flat.")],
    *,
    group: Annotated[str, typer.Option(help="Unix group of which you are a member.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Share it no longer.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Let a group read a run of your own, with all that will be born there."""
    import json

    from hven.cli.console import working
    from hven.observatory import connect

    with connect(site) as obs, working("Changing folders") as tell:
        do = obs.unshare if revoke else obs.share
        products = do(collection, group, step=lambda done, of: tell(f"Changing folders: {done} of {of}"))
    if as_json:
        print(json.dumps({"collection": collection, "group": group, "shared": not revoke, "products": len(products)}))
        return
    print(f"{collection} is {'no longer ' * revoke}shared with {group}: {len(products)} products")
