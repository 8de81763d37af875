"""`hven process`."""

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
    from hven.observatory import Observatory
    from hven.pipeline.report import RunReport


def process(
    pipeline: Annotated[str, typer.Argument(help="E.g. panoseti/calibrate, or a subset, panoseti/nightly#showers.")],
    *,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    config: Changes = None,
    shared: Shared = False,
    project: Project = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Run a pipeline here: make what does not exist yet."""
    from hven.core.loading import loading

    with loading():
        from hven.core.logging import configure
        from hven.observatory import connect
        from hven.pipeline import run  # noqa: F401 - what the observatory needs

    configure(json=as_json, level="WARNING")
    with connect(site) as obs:
        changes = read_changes(config or [])
        whose = {"shared": shared, "project": project}
        chosen = {"where": where, "config": changes, **whose, **data_id(day_obs, observation, detector)}
        report = obs.process(pipeline, **chosen) if as_json else _with_progress(obs, pipeline, chosen)
    if as_json:
        _print_json(report)
    else:
        print(report)
    report.raise_for_failures()


def _with_progress(obs: Observatory, pipeline: str, chosen: dict[str, Any]) -> RunReport:
    from hven.cli.progress import progress

    with progress(pipeline) as show:
        return obs.process(pipeline, progress=show, **chosen)


def _print_json(report: RunReport) -> None:
    import json

    quanta = [
        {
            "step": record.step,
            "data_id": dict(record.data_id),
            "state": str(record.state),
            "reused": record.reused,
            "products": list(record.products),
            "error": record.error,
        }
        for record in report.records
    ]
    print(json.dumps({"pipeline": report.pipeline, "run": report.run, "quanta": quanta}, indent=1))
