"""`hven jobs triage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hven.batch.triage.model import FailureKind

triage = typer.Typer(help="Failures by kind, and what is to happen with the next of a kind.", no_args_is_help=True)

Fingerprint = Annotated[str, typer.Argument(help="As `hven jobs triage list` shows it.")]


@triage.command("list")
def list_(
    *,
    job: Annotated[int | None, typer.Option(help="Only failures of this job.", min=1)] = None,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List kinds of failures, the most frequent first."""
    from hven.cli.console import output, table
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.jobs.triage.kinds(job)
    if as_json:
        _print_json(found)
        return
    shown = table("kind", "quanta", "runs", "task", "last", "decision", "error")
    for kind in found:
        shown.add_row(*_row(kind))
    output().print(shown)


@triage.command()
def show(fingerprint: Fingerprint, *, as_json: Json = False, site: Site = None) -> None:
    """Show one kind, with the first traceback."""
    from hven.observatory import connect

    with connect(site) as obs:
        kind = obs.jobs.triage.kind(fingerprint)
    if as_json:
        print(kind.model_dump_json(indent=1))
        return
    print(f"{kind.fingerprint}: {kind.count} quanta of {kind.task} {' '.join(kind.versions)} ({kind.flavour})")
    print(f"  {kind.error_type}: {kind.message}\n  in {kind.frame or 'an unknown place'}")
    print(f"  in {len(kind.runs)} runs, last {', '.join(kind.runs[:3])}")
    if kind.decision is not None:
        print(f"  {_decided(kind)}: {kind.decision.why}")
    print(f"  first: {kind.data_id}\n{kind.traceback or kind.error}")


@triage.command()
def decide(
    fingerprint: Fingerprint,
    verdict: Annotated[
        str,
        typer.Argument(help="retry (run such quanta once more), known (they do not fail a job), block or open (none)."),
    ],
    *,
    why: Annotated[str, typer.Option(help="For those who meet it next.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say what is to happen with failures of a kind, now and the next time; for operators."""
    from hven.batch.triage.model import Resolution, Verdict
    from hven.core.errors import UnknownNameError
    from hven.observatory import connect

    if verdict not in list(Verdict):
        raise UnknownNameError("verdict", verdict, Verdict)
    with connect(site) as obs:
        kind = obs.jobs.triage.decide(fingerprint, Resolution(verdict=Verdict(verdict), why=why))
    print(kind.model_dump_json(indent=1) if as_json else f"{kind.fingerprint}: {_decided(kind) or 'open'}")


def _decided(kind: FailureKind) -> str:
    from hven.core.clock import NS, format_utc

    made = kind.decision
    return f"{made.verdict} by {made.who}, {format_utc(made.time_ns // NS * NS)}" if made is not None else ""


def _row(kind: FailureKind) -> Sequence[Any]:
    from hven.core.clock import NS, format_utc

    last = format_utc(kind.last_ns // NS * NS) if kind.last_ns else ""
    decision = str(kind.decision.verdict) if kind.decision is not None else ""
    error = f"{kind.error_type}: {kind.message}"
    return kind.fingerprint, str(kind.count), str(len(kind.runs)), kind.task, last, decision, error


def _print_json(found: list[FailureKind]) -> None:
    import json

    print(json.dumps([kind.model_dump(mode="json") for kind in found], indent=1))
