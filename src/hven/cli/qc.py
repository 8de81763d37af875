"""`hven qc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import DayObs, Detector, Json, Observation, Site, data_id

if TYPE_CHECKING:
    from hven.model.annotation import Annotation

qc = typer.Typer(help="What people say of data: bad, or a comment.", no_args_is_help=True)

Text = Annotated[str, typer.Argument(help="Why, for everybody.")]
Instrument = Annotated[str | None, typer.Option(help="Only of this instrument.")]
Begin = Annotated[str | None, typer.Option(help="From this time on, UTC, e.g. 2025-10-22T07:41.")]
End = Annotated[str | None, typer.Option(help="Until this time, not included.")]


@qc.command()
def mark(
    text: Text,
    *,
    instrument: Instrument = None,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    begin: Begin = None,
    end: End = None,
    site: Site = None,
) -> None:
    """Mark data bad: selections, calibrations and later stages leave them out."""
    keys = {"instrument": instrument, **data_id(day_obs, observation, detector)}
    _say(text, site, bad=True, begin=begin, end=end, **keys)


@qc.command()
def comment(
    text: Text,
    *,
    instrument: Instrument = None,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    begin: Begin = None,
    end: End = None,
    site: Site = None,
) -> None:
    """Comment on data."""
    keys = {"instrument": instrument, **data_id(day_obs, observation, detector)}
    _say(text, site, begin=begin, end=end, **keys)


@qc.command()
def retract(
    annotation: Annotated[str, typer.Argument(help="Id, as `hven qc list` shows it.")], text: Text, site: Site = None
) -> None:
    """Take back what somebody has said; the history stays."""
    from hven.observatory import connect

    with connect(site) as obs:
        print(obs.retract(annotation, text).id)


@qc.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what was retracted.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List what people have said, oldest first."""
    import json

    from hven.model.annotation import standing
    from hven.observatory import connect
    from hven.registry.entries import annotation_entry

    with connect(site) as obs:
        found = obs.annotations()
    shown = found if everything else standing(found)
    if as_json:
        print(json.dumps([annotation_entry(one) for one in shown], indent=1))
        return
    for one in shown:
        print(f"{one.id}  {one}\n    {one.data_id or 'all data'} {_span(one)}".rstrip())


def _say(text: str, site: object, **given: object) -> None:
    from hven.observatory import connect

    with connect(site) as obs:  # type: ignore[arg-type]
        print(obs.annotate(text, **given).id)  # type: ignore[arg-type]


def _span(one: Annotation) -> str:
    from hven.core.clock import format_utc

    times = ["" if t is None else format_utc(t) for t in (one.begin_ns, one.end_ns)]
    return f"[{times[0]}, {times[1]})" if any(times) else ""
