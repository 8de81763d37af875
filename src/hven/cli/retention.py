"""`hven retention`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.retention.plan import Plan

retention = typer.Typer(
    help="What becomes of the observatory's products in the end; for operators.", no_args_is_help=True
)

Really = Annotated[bool, typer.Option("--really", help="Do it; otherwise it is only shown.")]


@retention.command()
def plan(*, as_json: Json = False, site: Site = None) -> None:
    """Show what would go now and what stays, with the reasons."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.retention.plan()
    _show(found, as_json=as_json)


@retention.command()
def apply(*, really: Really = False, as_json: Json = False, site: Site = None) -> None:
    """Let go what the rules say: found no more, after the grace period into the trash, then gone."""
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    with connect(site) as obs:
        done = obs.retention.apply(really=really)
    _show(done.plan, as_json=as_json, left=done.left, asked=done.asked)
    if as_json:
        return
    for product_id, reason in done.left.items():
        print(f"left: {product_id}: {reason}")
    if done.asked:
        print("The batch service has been asked and does it soon.")
    elif not really:
        print("Nothing has been done: add --really.")


@retention.command("list")
def list_(*, as_json: Json = False, site: Site = None) -> None:
    """List what has expired or lies in the trash, soonest to go first."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.retention.leaving()
    if as_json:
        _print_json(found)
        return
    rows = ((one.state, _time(one.since_ns), _time(one.due_ns), _size(one.bytes), one.dataset, one.id) for one in found)
    _table(("state", "since", "next", "size", "dataset", "id"), rows)


@retention.command()
def restore(
    product_id: Annotated[str, typer.Argument(help="Id, as `hven retention list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why it must stay: it is held from now on.")],
    site: Site = None,
) -> None:
    """Bring a product back that has expired or lies in the trash, with what it was made from, and hold it."""
    from hven.observatory import connect

    with connect(site) as obs:
        done = obs.retention.restore(product_id, reason)
    print(f"{product_id} is back, and held" if done else "The batch service has been asked and does it soon.")


@retention.command()
def log(
    target: Annotated[str, typer.Argument(help="Id of a product or name of a collection; all if left out.")] = "",
    *,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="So many last deeds.")] = 100,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Show who did what and why, newest first."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.retention.deeds(target, limit=lines)
    if as_json:
        _print_json(found)
        return
    rows = ((_time(d.time_ns), d.who, d.what, d.dataset or d.target, d.target, d.reason) for d in found)
    _table(("when", "who", "what", "dataset", "id", "why"), rows)


def _show(found: Plan, *, as_json: bool, **more: Any) -> None:
    import json
    from dataclasses import asdict

    from hven.retention.plan import Action

    if as_json:
        print(json.dumps({**asdict(found), **more}, indent=1))
        return
    rows = ((x.action, _size(x.bytes), x.dataset, x.id, x.reason, _time(x.due_ns)) for x in found.lines)
    _table(("what", "size", "dataset", "id", "why", "due"), rows)
    for action in Action:
        some = found.of(action)
        if some:
            print(f"{action}: {len(some)} products, {_size(sum(line.bytes for line in some))}")
    if not found.lines:
        print("No product is under a rule: the section `retention` of the site file has the rules.")


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from hven.cli.console import output, table

    shown = table(*columns)
    for row in rows:
        shown.add_row(*row)
    if shown.rows:
        output().print(shown)


def _print_json(found: Iterable[Any]) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps([asdict(one) for one in found], indent=1))


def _time(time_ns: int) -> str:
    from hven.core.clock import NS, format_utc

    return format_utc(time_ns // NS * NS) if time_ns else ""


def _size(size: int) -> str:
    from rich.filesize import decimal

    return decimal(size)
