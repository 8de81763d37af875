"""`hven schedule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.batch.schedules.model import Fire, Schedule

schedule = typer.Typer(help="Schedules: campaigns, jobs and checks at times in cron form.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the schedule.")]
_SHOWN_FIRES = 10


@schedule.command("list")
def list_(*, as_json: Json = False, site: Site = None) -> None:
    """List schedules: those that hven ships, and the site's own."""
    import json

    from hven.cli.console import output, table
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.schedules.find()
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
        return
    shown = table("schedule", "", "what", "cron", "next (UTC)", "last (UTC)", whole=("schedule",))
    for one in found:
        last = f"{_utc(one.last.fire_ns)} {one.last.state}" if one.last else ""
        on = "enabled" if one.enabled else "off"
        shown.add_row(one.spec.name, on, one.spec.kind, one.spec.cron, _utc(one.next_ns), last)
    output().print(shown)


@schedule.command()
def show(name: Name, *, as_json: Json = False, site: Site = None) -> None:
    """Show a schedule and its last fires."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        found, fires = obs.schedules.get(name), obs.schedules.fires(name, limit=_SHOWN_FIRES)
    if as_json:
        print(json.dumps({**found.model_dump(mode="json"), "fires": [f.model_dump(mode="json") for f in fires]}))
        return
    _tell(found)
    for fire in fires:
        print(f"  {_fire(fire)}")


@schedule.command()
def enable(name: Name, *, site: Site = None) -> None:
    """Let a schedule fire from now on."""
    from hven.observatory import connect

    with connect(site) as obs:
        _tell(obs.schedules.enable(name))


@schedule.command()
def disable(name: Name, *, site: Site = None) -> None:
    """Let a schedule fire no more; what it has submitted goes on."""
    from hven.observatory import connect

    with connect(site) as obs:
        _tell(obs.schedules.disable(name))


@schedule.command()
def run(
    name: Name,
    *,
    at: Annotated[str, typer.Option(help="Time of the fire in UTC, which says the night; now if left out.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Let a schedule fire once, whether it is enabled or not."""
    from hven.core.clock import parse_utc
    from hven.observatory import connect

    with connect(site) as obs:
        fire = obs.schedules.run(name, at_ns=parse_utc(at) if at else None)
    print(fire.model_dump_json(indent=1) if as_json else f"{name} fires: {_fire(fire)}")


def _tell(found: Schedule) -> None:
    spec = found.spec
    on = f"enabled by {found.by}, next {_utc(found.next_ns)}" if found.enabled else "off"
    print(f"{spec.name}: {on}  {spec.cron} ({found.zone})  {spec.doc}".rstrip())


def _fire(fire: Fire) -> str:
    what = fire.campaign or (f"job {fire.job}" if fire.job is not None else "")
    missed = f"{fire.missed} missed before" if fire.missed else ""
    parts = (_utc(fire.fire_ns), fire.state, f"by {fire.who}", what, missed, fire.error)
    return "  ".join(part for part in parts if part)


def _utc(time_ns: int | None) -> str:
    from hven.core.clock import NS, format_utc

    return format_utc(time_ns // NS * NS) if time_ns else ""
