"""`hven jobs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site
from hven.cli.report import profile, report
from hven.cli.triage import triage

if TYPE_CHECKING:
    from hven.batch.jobs import Jobs
    from hven.batch.model import Failure, Job

jobs = typer.Typer(help="Submitted jobs.", no_args_is_help=True)
jobs.command()(report)
jobs.command()(profile)
jobs.add_typer(triage, name="triage")

Number = Annotated[int, typer.Argument(help="Number of the job.", min=1)]
_SHOWN_ENDED = 20


@jobs.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that ended long ago.")] = False,
    user: Annotated[str, typer.Option(help="Whose; everybody's if left out.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List jobs, newest first."""
    from hven.cli.console import output, table
    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.jobs.find(user=user)
    ended = 0
    shown = []
    for job in found:
        ended += job.state.ended
        if everything or not job.state.ended or ended <= _SHOWN_ENDED:
            shown.append(job)
    if as_json:
        _print_json(shown)
        return
    lines = table("job", "state", "pipeline", "quanta", "failed", "user", "submitted", "message")
    for job in shown:
        lines.add_row(*_row(job))
    output().print(lines)


@jobs.command()
def show(number: Number, *, as_json: Json = False, site: Site = None) -> None:
    """Show one job, with what failed and why."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        job, failures = obs.jobs.get(number), obs.jobs.failures(number)
        nobody = unserved(obs.jobs, job)
        products = obs.jobs.products(number)
        born = job.run in {c.name for c in obs.registry.collections()}
    if as_json:
        failed = [failure.model_dump(mode="json") for failure in failures]
        print(json.dumps({**job.model_dump(mode="json"), "failures": failed, "products": products}, indent=1))
        return
    _tell(job, failures, len(products), nobody)
    if born:
        print(f"  `hven find --collection {job.run}` lists what it made")


@jobs.command()
def log(
    number: Number, *, lines: Annotated[int, typer.Option(min=1, help="So many last lines.")] = 200, site: Site = None
) -> None:
    """Print the end of a job's log."""
    from hven.observatory import connect

    with connect(site) as obs:
        print(obs.jobs.log(number, lines=lines), end="")


@jobs.command()
def cancel(number: Number, *, as_json: Json = False, site: Site = None) -> None:
    """Stop a job; what it has made stays."""
    _change(number, site, lambda jobs: jobs.cancel(number), as_json=as_json)


@jobs.command()
def hold(number: Number, *, as_json: Json = False, site: Site = None) -> None:
    """Keep a waiting job from starting."""
    _change(number, site, lambda jobs: jobs.hold(number), as_json=as_json)


@jobs.command()
def unhold(number: Number, *, as_json: Json = False, site: Site = None) -> None:
    """Let a held job go."""
    _change(number, site, lambda jobs: jobs.unhold(number), as_json=as_json)


@jobs.command()
def restart(
    number: Number,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only the quanta that failed, and those that were blocked by them.")
    ] = False,
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="STEP[@DATA_ID]",
            help="Make this step, or its one quantum, again with all that needs it, also where it is there.",
        ),
    ] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Queue an ended job again; what is done stays done."""
    from hven.batch.model import Again

    step, _, data_id = from_.partition("@")
    again = Again(failed=failed, step=step, data_id=data_id) if failed or step else None
    _change(number, site, lambda jobs: jobs.restart(number, again), as_json=as_json)


@jobs.command()
def reclass(
    number: Number,
    job_class: Annotated[str, typer.Argument(metavar="CLASS", help="E.g. offline.")],
    *,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Move a waiting job into another class, as an operator."""
    from hven.batch.model import job_class_of

    moved = job_class_of(job_class)
    _change(number, site, lambda jobs: jobs.reclass(number, moved), as_json=as_json)


def _change(number: int, site: Site, act: Callable[[Jobs], Job], *, as_json: bool) -> None:
    from hven.observatory import connect

    with connect(site) as obs:
        job = act(obs.jobs)
    if as_json:
        print(job.model_dump_json(indent=1))
    else:
        print(f"job {number}: {job.state}{', being cancelled' if job.cancelling else ''}")


def _print_json(found: list[Job]) -> None:
    import json

    print(json.dumps([job.model_dump(mode="json") for job in found], indent=1))


def _row(job: Job) -> tuple[str, ...]:
    from hven.core.clock import NS, format_utc

    counts = job.counts
    return (
        str(job.id),
        f"{job.state} (cancelling)" if job.cancelling else str(job.state),
        job.request.pipeline,
        f"{counts.ended}/{counts.total}" if counts.total else "",
        str(counts.failed or ""),
        job.user,
        format_utc(job.submitted_ns // NS * NS),
        waits(job) if job.position is not None else job.error or ("" if job.state.ended else job.message),
    )


def waits(job: Job) -> str:
    """Place in the queue and expected start."""
    from hven.core.clock import NS, format_utc

    place = "next" if not job.position else f"{job.position} ahead"
    if job.expected_start_ns is None:
        return place
    return f"{place}, starts about {format_utc(job.expected_start_ns // NS * NS)}"


def unserved(jobs: Jobs, job: Job) -> str:
    """What to say of a job that waits while no batch service runs; empty otherwise."""
    if job.position is None or job.expected_start_ns is not None or jobs.served():
        return ""
    return "the batch service is not running; `hven up` starts it"


def _tell(job: Job, failures: list[Failure], products: int, unserved: str) -> None:
    from hven.core.clock import NS, format_utc

    request, counts = job.request, job.counts
    print(f"job {job.id}: {job.state}  {request.pipeline}  {request.query}")
    print(f"  by {job.user}, class {request.job_class}, runners {job.attempt}, run {job.run}")
    print(f"  takes {job.cores} cores, {job.memory_gb:g} GB")
    if job.position is not None:
        print(f"  waits: {waits(job)}{unserved and f'; {unserved}'}")
    if job.retries:
        print("  tried again: " + ", ".join(f"{count} times ({flavour})" for flavour, count in job.retries.items()))
    for name, when in (("submitted", job.submitted_ns), ("began", job.started_ns), ("ended", job.ended_ns)):
        if when:
            print(f"  {name} {format_utc(when // NS * NS)}")
    print(
        f"  quanta: {counts.done} of {counts.total} done ({counts.reused} before), {counts.failed} failed, "
        f"{counts.blocked} blocked, {counts.no_work} without work; {products} products"
    )
    if job.error:
        print(f"  error ({job.flavour}): {job.error}\n    {job.hint}".rstrip())
    for failure in failures:
        print(f"  {len(failure.data_ids)} times {failure.step} ({failure.flavour}): {failure.error}")
        print(f"    e.g. {failure.data_ids[0]}")
