"""`hven alarms`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hven.alarms.model import Alarm, Case

alarms = typer.Typer(help="What needs somebody: look, acknowledge, comment, silence, clear.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="As `hven alarms list` shows it.")]
Words = Annotated[str, typer.Argument(help="For those who come next.")]


@alarms.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    rule: Annotated[str, typer.Option(help="Only of this rule.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List alarms, each with what follows from it beneath."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.alarms.find(open_only=not everything, rule=rule)
    if as_json:
        _print_json(found)
        return
    rows = [_row(alarm, depth) for alarm, depth in _tree(found)]
    _table(("alarm", "state", "since", "rule", "what", "by"), rows)
    if not found:
        print("No alarm.")


@alarms.command()
def show(alarm: Id, *, as_json: Json = False, site: Site = None) -> None:
    """Show an alarm with its history and what follows from it."""
    from hven.observatory import connect

    with connect(site) as obs:
        _show(obs.alarms.get(alarm), as_json=as_json)


@alarms.command()
def ack(alarm: Id, text: Annotated[str, typer.Argument(help="What you do about it.")] = "", site: Site = None) -> None:
    """Say that you have seen it; for operators."""
    from hven.observatory import connect

    with connect(site) as obs:
        _show(obs.alarms.acknowledge(alarm, text))


@alarms.command()
def comment(alarm: Id, text: Words, site: Site = None) -> None:
    """Add words."""
    from hven.observatory import connect

    with connect(site) as obs:
        _show(obs.alarms.comment(alarm, text))


@alarms.command()
def silence(
    alarm: Annotated[str, typer.Argument(help="An alarm, or with --rules a family or pattern of rules: 'quality/*'.")],
    text: Words,
    *,
    hours: Annotated[float, typer.Option(min=0.01)] = 8.0,
    whole_rule: Annotated[bool, typer.Option("--rule", help="All of its rule, not only this key.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="All rules of a family or pattern, alarms or not.")] = False,
    site: Site = None,
) -> None:
    """Tell nobody of this rule and key, or of many rules, for some hours; for operators."""
    from hven.core.clock import NS, format_utc
    from hven.observatory import connect

    with connect(site) as obs:
        if rules:
            made = obs.alarms.silence_rules(alarm, hours, text)
        else:
            made = obs.alarms.silence(alarm, hours, text, whole_rule=whole_rule)
        now = sum(made.covers(one, made.at_ns) for one in obs.alarms.find())
    until = format_utc(made.until_ns // NS * NS)
    print(f"nobody is told of {made.rule} {made.key or '(all)'} until {until}; open now: {now}")


@alarms.command()
def clear(alarm: Id, text: Words, site: Site = None) -> None:
    """Accept what cannot heal: it is not raised again before it was good once; for operators."""
    from hven.observatory import connect

    with connect(site) as obs:
        _show(obs.alarms.clear(alarm, text))


@alarms.command()
def history(
    *,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="So many last lines.")] = 100,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Show who did what to alarms, newest first."""
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.alarms.history(limit=lines)
    if as_json:
        _print_json(found)
        return
    rows = [(_time(h.time_ns), h.alarm, str(h.what), h.who or "hven", h.text) for h in found]
    _table(("when", "alarm", "what", "who", "words"), rows)


def _tree(found: list[Alarm], cause: str = "", depth: int = 0) -> Iterable[tuple[Alarm, int]]:
    """Alarms in order, each followed by those beneath it."""
    there = {alarm.id for alarm in found}
    for alarm in found:
        if (alarm.cause if alarm.cause in there else "") == cause:
            yield alarm, depth
            yield from _tree(found, alarm.id, depth + 1)


def _row(alarm: Alarm, depth: int) -> tuple[str, ...]:
    name = "  " * depth + ("└ " if depth else "") + alarm.rule
    return alarm.id, str(alarm.state), _time(alarm.since_ns), name, alarm.text, alarm.by


def _show(case: Case, *, as_json: bool = False) -> None:
    if as_json:
        _print_json([case])
        return
    alarm = case.alarm
    print(f"{alarm.id} {alarm.state} ({alarm.severity}): {alarm.text}\n  {alarm.advice}")
    print(f"  rule {alarm.rule}, key {alarm.key}; bad since {_time(alarm.since_ns)}, raised {_time(alarm.raised_ns)}")
    for line in case.history:
        print(f"  {_time(line.time_ns)} {line.what} {f'by {line.who}' if line.who else ''} {line.text}".rstrip())
    for beneath in case.beneath:
        print(f"  └ {beneath.id} {beneath.state}: {beneath.text}")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from hven.cli.console import output, table

    shown = table(*columns)
    for row in rows:
        shown.add_row(*row)
    if rows:
        output().print(shown)


def _print_json(found: Iterable[Any]) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps([asdict(one) for one in found], indent=1))


def _time(time_ns: int) -> str:
    from hven.core.clock import NS, format_utc

    return format_utc(time_ns // NS * NS)
