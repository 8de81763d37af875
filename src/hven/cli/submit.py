"""`hven submit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import (
    Changes,
    DayObs,
    Detector,
    Json,
    Observation,
    Project,
    Shared,
    Site,
    Where,
    data_id,
    read_changes,
)

if TYPE_CHECKING:
    from hven.batch.handle import JobHandle
    from hven.batch.jobs import Jobs
    from hven.batch.model import Job


CLASSES = "prompt, offline, ocs-driven, data-access, calibration, data-release"


def submit(
    pipeline: Annotated[str, typer.Argument(help="E.g. panoseti/calibrate, or a subset, panoseti/nightly#showers.")],
    *,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    config: Changes = None,
    shared: Shared = False,
    project: Project = "",
    job_class: Annotated[
        str, typer.Option("--class", help="Another class than people's own, which is for operators: " + CLASSES + ".")
    ] = "data-access",
    profile: Annotated[
        str, typer.Option(help="Size of its Dask cluster, e.g. small; the site's default if left out.")
    ] = "",
    environment: Annotated[
        str, typer.Option(help="Installed environment, or a tag like recommended; see `hven environment list`.")
    ] = "",
    sample: Annotated[
        bool, typer.Option("--sample", help="Look which functions its time goes to; `hven jobs report` tells.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exit code 8 unless it succeeds.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Hand a pipeline to the batch service."""
    from hven.cli.jobs import unserved
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    with connect(site) as obs:
        chosen = data_id(day_obs, observation, detector)
        changes = read_changes(config or [])
        whose: dict[str, Any] = {"job_class": job_class, "shared": shared, "project": project}
        where_it_runs: dict[str, Any] = {"profile": profile, "environment": environment, "sample": sample}
        handle = obs.submit(pipeline, where=where, config=changes, **whose, **where_it_runs, **chosen)
        job = _follow(handle, obs.jobs) if wait else handle.progress()
        if as_json:
            print(job.model_dump_json(indent=1))
        else:
            _tell(job, unserved(obs.jobs, job))
        if wait:
            handle.result().raise_for_failures()


def _follow(handle: JobHandle, jobs: Jobs) -> Job:
    import time

    from hven.cli.console import bar
    from hven.cli.jobs import unserved

    told = ""
    with bar() as shown:
        line = shown.add_task(f"job {handle.id}", total=None)
        while not (job := handle.progress()).state.ended:
            if not told and (told := unserved(jobs, job)):
                shown.console.print(f"job {handle.id} waits: {told}", highlight=False, soft_wrap=True)
            text = job.message or str(job.state)
            shown.update(line, completed=job.counts.ended, total=job.counts.total or None, description=text)
            time.sleep(0.5)
    return job


def _tell(job: Job, unserved: str) -> None:
    from hven.cli.jobs import waits

    counts, expected = job.counts, job.estimate
    if job.state.ended:
        print(f"job {job.id}: {job.state}, {counts.done} of {counts.total} quanta done, {counts.reused} of them before")
        return
    quanta = f"{expected.to_do} of {expected.quanta} quanta to do" if expected else ""
    print(f"job {job.id}: {quanta}, {waits(job)}; `hven jobs show {job.id}` follows it")
    if unserved:
        print(f"  {unserved}")
