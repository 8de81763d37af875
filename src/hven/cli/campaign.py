"""`hven campaign`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.batch.campaigns.campaigns import Campaigns
    from hven.batch.campaigns.model import Campaign, Step

campaign = typer.Typer(
    help="Campaigns: steps of processing in order, looked after by the batch service.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of the campaign.")]
StepName = Annotated[str, typer.Argument(help="Step; the one at which the campaign stands, if left out.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
_SHOWN = 20


@campaign.command()
def load(
    file: Annotated[Path, typer.Argument(help="YAML file of a campaign.")],
    *,
    begin: Annotated[bool, typer.Option("--start", help="Start it, too.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Check a campaign and keep it; it waits for its start."""
    from hven.batch.campaigns.spec import read_campaign

    spec = read_campaign(file)

    def act(campaigns: Campaigns) -> Campaign:
        loaded = campaigns.load(spec)
        return campaigns.start(loaded.name) if begin else loaded

    _change(site, act, as_json=as_json)


@campaign.command()
def start(name: Name, *, as_json: Json = False, site: Site = None) -> None:
    """Let a loaded campaign begin."""
    _change(site, lambda campaigns: campaigns.start(name), as_json=as_json)


@campaign.command()
def pause(name: Name, *, as_json: Json = False, site: Site = None) -> None:
    """Submit nothing more; jobs that are there go on."""
    _change(site, lambda campaigns: campaigns.pause(name), as_json=as_json)


@campaign.command()
def resume(name: Name, *, as_json: Json = False, site: Site = None) -> None:
    """Go on with a paused campaign."""
    _change(site, lambda campaigns: campaigns.resume(name), as_json=as_json)


@campaign.command()
def accept(name: Name, step: StepName = "", *, reason: Reason = "", as_json: Json = False, site: Site = None) -> None:
    """Accept a step that waits for its review, or one that breaks its rule, as it is."""
    _change(site, lambda campaigns: campaigns.accept(name, step, reason=reason), as_json=as_json)


@campaign.command()
def reject(name: Name, step: StepName = "", *, reason: Reason = "", as_json: Json = False, site: Site = None) -> None:
    """Reject what a step made; `retry` then does it and the steps after it anew."""
    _change(site, lambda campaigns: campaigns.reject(name, step, reason=reason), as_json=as_json)


@campaign.command()
def retry(
    name: Name,
    step: StepName = "",
    *,
    group: Annotated[str, typer.Option(help="One group; all failed ones if left out.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Do failed groups of a step again, or all of a step that was rejected."""
    _change(site, lambda campaigns: campaigns.retry(name, step, group), as_json=as_json)


@campaign.command()
def status(
    name: Annotated[str, typer.Argument(help="Name of the campaign; the newest ones if left out.")] = "",
    *,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Show where campaigns stand: all of them, or one with its steps and groups."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        found = [obs.campaigns.get(name)] if name else obs.campaigns.find(limit=_SHOWN)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
    elif name:
        _tell_steps(found[0])
    else:
        _tell_all(found)


@campaign.command()
def report(name: Name, *, as_json: Json = False, site: Site = None) -> None:
    """Tell what was done, what failed and why, who decided what, and how long it took."""
    from hven.batch.campaigns.report import as_text
    from hven.observatory import connect

    with connect(site) as obs:
        made = obs.campaigns.report(name)
    print(made.model_dump_json(indent=1) if as_json else as_text(made))


def _change(site: Path | None, act: Callable[[Campaigns], Campaign], *, as_json: bool) -> None:
    from hven.observatory import connect

    with connect(site) as obs:
        found = act(obs.campaigns)
    if as_json:
        print(found.model_dump_json(indent=1))
        return
    step = found.current
    where = f", step {step.name} {step.state}" if step else ""
    print(f"campaign {found.name}: {found.state}{where}; `hven campaign status {found.name}` follows it")


def _tell_all(found: list[Campaign]) -> None:
    from hven.cli.console import output, table
    from hven.core.clock import NS, format_utc

    shown = table("campaign", "state", "step", "steps", "loaded", "by", "note")
    for one in found:
        step = one.current
        accepted = sum(s.state == "accepted" for s in one.steps)
        name, note = (step.name, step.note) if step else ("", "")
        shown.add_row(
            one.name, f"{one.state}{', late' if one.late else ''}", name,
            f"{accepted}/{len(one.steps)}", format_utc(one.loaded_ns // NS * NS), one.loaded_by, note,
        )  # fmt: skip
    output().print(shown)


def _tell_steps(one: Campaign) -> None:
    print(f"campaign {one.name}: {one.state}{', late' if one.late else ''}  {one.spec.doc}".rstrip())
    for step in one.steps:
        print(f"  {step.name}: {step.state}{_counts(step)}  {step.note}".rstrip())
        for group in step.groups:
            if group.state not in {"accepted", "ready"}:
                job = f" job {group.job}" if group.job is not None else ""
                print(f"    {group.name}: {group.state}{job}  {group.error}".rstrip())


def _counts(step: Step) -> str:
    from collections import Counter

    counted = Counter(str(group.state) for group in step.groups)
    return f" ({', '.join(f'{n} {state}' for state, n in counted.items())})" if counted else ""
