"""`hven process`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import DayObs, Detector, Json, Observation, Site, Where, data_id

if TYPE_CHECKING:
    from hven.observatory import Observatory
    from hven.pipeline.report import Progress as Counts
    from hven.pipeline.report import RunReport


def process(
    pipeline: Annotated[str, typer.Argument(help="Pipeline, e.g. panoseti/calibrate.")],
    *,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    config: Annotated[
        list[str] | None,
        typer.Option(help="STEP:OPTION=VALUE that differs from the pipeline's; may be given several times."),
    ] = None,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Run a pipeline here: make what does not exist yet."""
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    with connect(site) as obs:
        chosen = {"where": where, "config": _changes(config or []), **data_id(day_obs, observation, detector)}
        report = obs.process(pipeline, **chosen) if as_json else _with_progress(obs, pipeline, chosen)
    if as_json:
        _print_json(report)
    else:
        print(report)
    report.raise_for_failures()


def _changes(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``step:option=value``; values are YAML.

    Examples
    --------
    >>> _changes(["pulses:threshold_sigma=6.5"])
    {'pulses': {'threshold_sigma': 6.5}}
    """
    import yaml

    from hven.core.errors import ConfigurationError

    changes: dict[str, dict[str, Any]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        step, colon, option = target.rpartition(":")
        if not (equals and colon and step and option):
            raise ConfigurationError(f"{text!r} changes no option", hint="Write it as --config STEP:OPTION=VALUE.")
        changes.setdefault(step, {})[option] = yaml.safe_load(value)
    return changes


def _with_progress(obs: Observatory, pipeline: str, chosen: dict[str, Any]) -> RunReport:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(pipeline, total=None)

        def show(counts: Counts) -> None:
            ended = counts.done + counts.failed + counts.blocked
            bar.update(line, completed=ended, total=counts.total, description=counts.message or pipeline)

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
