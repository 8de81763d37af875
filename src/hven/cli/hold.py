"""`hven hold`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site

hold = typer.Typer(help="What must not go, whatever the rules of retention say; for operators.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(help="Id of a product, or name of a collection for all that is in it.")]


@hold.command()
def add(
    target: Target, reason: Annotated[str, typer.Option(help="Others will want to know.")], site: Site = None
) -> None:
    """Hold a product, or all that is and will be in a collection."""
    from hven.observatory import connect

    with connect(site) as obs:
        obs.retention.hold(target, reason)
        print(f"{obs.user} holds {target}")


@hold.command()
def remove(
    target: Target,
    who: Annotated[str, typer.Option("--of", help="Whose hold; your own if left out.")] = "",
    site: Site = None,
) -> None:
    """Take a hold away."""
    from hven.observatory import connect

    with connect(site) as obs:
        obs.retention.unhold(target, who)
        print(f"{who or obs.user} holds {target} no more")


@hold.command("list")
def list_(*, as_json: Json = False, site: Site = None) -> None:
    """List holds, oldest first."""
    import json
    from dataclasses import asdict

    from hven.cli.console import output, table
    from hven.core.clock import NS, format_utc
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.retention.holds()
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    shown = table("since", "who", "what", "why")
    for one in found:
        shown.add_row(format_utc(one.at_ns // NS * NS), one.who, one.target, one.reason)
    output().print(shown)
