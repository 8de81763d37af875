"""`hven jobs report` and `hven jobs profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.batch.profile import JobProfile
    from hven.batch.times import JobTimes, TaskTimes

Number = Annotated[int, typer.Argument(help="Number of the job.", min=1)]
_HOTTEST = 10


def report(
    number: Number,
    *,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say where the time of a job went: by task and by worker, waiting, reading, computing and writing."""
    from hven.observatory import connect

    with connect(site) as obs:
        times, profile = obs.jobs.times(number), obs.jobs.profile(number)
    if as_json:
        print(times.model_dump_json(indent=1))
    else:
        _tell(times)
        _tell_functions(profile)


def profile(number: Number, *, as_json: Json = False, site: Site = None) -> None:
    """Print where a sampled job's time went, as lines `step;outer;...;inner microseconds` for flame graphs."""
    from hven.core.errors import NotFoundError
    from hven.observatory import connect

    with connect(site) as obs:
        found, job = obs.jobs.profile(number), obs.jobs.get(number)
    if not found.steps and not as_json:
        what = "nothing has been sampled yet of" if job.request.sample else "nothing was sampled of"
        raise NotFoundError(f"{what} job {number}", hint="`hven submit --sample` has a job's time looked at.")
    print(found.model_dump_json(indent=1) if as_json else found.folded())


def _tell(times: JobTimes) -> None:
    from hven.cli.console import output, table

    console = output()
    quanta = sum(sum(task.states.values()) for task in times.tasks)
    print(f"job {times.job}: waited {times.queued_s:.1f} s, ran {times.ran_s:.1f} s; workers busy {times.busy_s:.1f} s")
    print(f"  {quanta} quanta, {times.reused} were there already; {times.output_bytes / 1e6:.1f} MB made")
    columns = ("waiting", "reading", "computing", "writing", "publishing", "cpu")
    steps = table("step", "task", "quanta", *(f"{c} s" for c in columns), "peak MB", "output MB")
    for task in times.tasks:
        steps.add_row(*_row(task))
    console.print(steps)
    workers = table("worker", "quanta", "busy s")
    for worker in times.workers:
        workers.add_row(worker.worker, str(worker.quanta), f"{worker.busy_s:.2f}")
    console.print(workers)


def _tell_functions(profile: JobProfile) -> None:
    from hven.cli.console import output, table

    for step in profile.steps:
        functions = table(f"{step.step}, {step.seconds:.2f} s", "itself s", "with what it calls s")
        for one in step.hottest(_HOTTEST):
            functions.add_row(one.function, f"{one.own_s:.2f}", f"{one.whole_s:.2f}")
        output().print(functions)


def _row(task: TaskTimes) -> list[str]:
    seconds = (
        task.waiting_s, task.reading_s, task.computing_s, task.writing_s, task.publishing_s, task.cpu_s,
    )  # fmt: skip
    quanta = f"{sum(task.states.values())} ({task.reused} reused)" if task.reused else str(sum(task.states.values()))
    sizes = (f"{task.peak_bytes / 1e6:.0f}", f"{task.output_bytes / 1e6:.1f}")
    return [task.step, f"{task.task} {task.version}", quanta, *(f"{value:.2f}" for value in seconds), *sizes]
