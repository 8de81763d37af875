"""`hven command`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Changes, DayObs, Detector, Json, Observation, Site, Where

if TYPE_CHECKING:
    from collections.abc import Callable

    from hven.batch.commands.model import Command, CommandRequest

command = typer.Typer(help="OCS-driven batch: what control systems command.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the command; the same id is the same command.")]
_SHOWN = 20
_POLL_S = 0.5


@command.command()
def send(
    command_id: Id,
    what: Annotated[str, typer.Argument(help="Pipeline, e.g. panoseti/calibrate; with --calibration what is made.")],
    *,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    config: Changes = None,
    priority: Annotated[str, typer.Option(help="Class of its job.")] = "ocs-driven",
    calibration: Annotated[
        bool,
        typer.Option("--calibration", help="Make a declared calibration, e.g. panoseti/flat, verify and certify it."),
    ] = False,
    begin: Annotated[str, typer.Option(help="UTC from which a calibration is valid; the begin of its frames.")] = "",
    end: Annotated[str, typer.Option(help="UTC until which, not included; after the declared days.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Come back when it has ended.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Command a pipeline on a data query, for the observatory; the batch service does it.

    The same again is no second command. With --wait the exit code is 8 unless it is completed.
    """
    from hven.batch.commands.model import CommandState
    from hven.batch.model import job_class_of
    from hven.cli.options import data_id, read_changes
    from hven.core.errors import ConfigurationError
    from hven.model.query import DataQuery
    from hven.observatory import connect

    if (begin or end) and not calibration:
        raise ConfigurationError("a pipeline certifies nothing", hint="--begin and --end are for --calibration.")
    made = {"name": what, "begin": begin, "end": end}
    request = _request(
        id=command_id,
        pipeline="" if calibration else what,
        calibration=made if calibration else None,
        values=dict(DataQuery.of(**data_id(day_obs, observation, detector)).values),
        where=where,
        config=read_changes(config or []),
        priority=job_class_of(priority),
    )
    with connect(site) as obs:
        found = obs.commands.send(request)
        if wait:
            found = _wait(obs.commands.get, command_id)
    _tell(found, as_json=as_json)
    if wait and found.state != CommandState.COMPLETED:
        raise typer.Exit(8)


@command.command()
def show(command_id: Id, *, as_json: Json = False, site: Site = None) -> None:
    """Show how a command stands and what came of it."""
    from hven.observatory import connect

    with connect(site) as obs:
        _tell(obs.commands.get(command_id), as_json=as_json)


@command.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = _SHOWN,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List commands, the newest first."""
    import json

    from hven.cli.console import output, table
    from hven.core.clock import NS, format_utc
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.commands.find(limit=limit)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
        return
    shown = table("command", "state", "pipeline", "job", "quality", "sent (UTC)", whole=("command",))
    for one in found:
        sent = format_utc(one.sent_ns // NS * NS)
        job = "" if one.job is None else str(one.job)
        shown.add_row(one.request.id, one.state, _what(one.request), job, one.summary.qc, sent)
    output().print(shown)


@command.command()
def abort(command_id: Id, *, site: Site = None) -> None:
    """Stop a command; what its job has made stays."""
    from hven.observatory import connect

    with connect(site) as obs:
        _tell(obs.commands.abort(command_id), as_json=False)


def _request(**values: Any) -> CommandRequest:
    from pydantic import ValidationError

    from hven.batch.commands.model import CommandRequest
    from hven.core.errors import ConfigurationError

    try:
        return CommandRequest.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"this is no command: {problems}") from None


def _what(request: CommandRequest) -> str:
    return request.calibration.name if request.calibration else request.pipeline


def _wait(get: Callable[[str], Command], command_id: str) -> Command:
    import time

    while not (found := get(command_id)).state.ended:
        time.sleep(_POLL_S)
    return found


def _tell(found: Command, *, as_json: bool) -> None:
    if as_json:
        print(found.model_dump_json(indent=1))
        return
    counts, summary = found.summary.counts, found.summary
    print(f"{found.request.id}: {found.state}{', stopping' if found.aborting and not found.state.ended else ''}")
    if found.job is not None:
        print(f"  job {found.job}: {counts.done} of {counts.total} quanta done, {counts.failed} failed, "
              f"{counts.blocked} blocked, {counts.no_work} without work; in {summary.collection}")  # fmt: skip
    if found.state.ended and found.job is not None:
        print(f"  quality {summary.qc}: {summary.judged} metrics, {summary.warnings} warnings, {summary.errors} errors")
    for verdict in summary.verdicts:
        print(f"  {verdict}")
    for product in summary.certified:
        print(f"  certified {product}")
    if found.error:
        print(f"  {found.error}")
    if found.hint:
        print(f"  {found.hint}")
