"""`hven telemetry`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Json, Site

telemetry = typer.Typer(help="Telemetry: samples of devices, and what they say of exposures.", no_args_is_help=True)

Topic = Annotated[str, typer.Argument(help="Name of the topic; `hven telemetry topics` lists them.")]
_NEWEST = "newest (UTC)"
_SHOWN = 20


@telemetry.command()
def topics(*, as_json: Json = False, site: Site = None) -> None:
    """List the declared topics, with their newest samples."""
    import json

    from hven.cli.console import output, table
    from hven.core.settings import load_settings
    from hven.telemetry.queries import states

    found = states(load_settings(site))
    if as_json:
        print(
            json.dumps([{**one.topic.model_dump(mode="json"), "latest_ns": one.latest_ns} for one in found], indent=1)
        )
        return
    shown = table("topic", "kind", "fields", "cadence", _NEWEST, whole=("topic", _NEWEST))
    for one in found:
        cadence = f"{one.topic.cadence_s:g} s" if one.topic.cadence_s else ""
        fields = ", ".join(field.name for field in one.topic.fields[:6])
        more = ", ..." if len(one.topic.fields) > 6 else ""  # noqa: PLR2004 - a line is only so long
        shown.add_row(one.topic.name, one.topic.kind, fields + more, cadence, one.newest[:19])
    output().print(shown)


@telemetry.command()
def show(
    topic: Topic,
    *,
    fields: Annotated[list[str] | None, typer.Option("--field", help="Which; may be given several times.")] = None,
    start: Annotated[str, typer.Option(help="From when on, UTC, e.g. 2025-10-22T04:00.")] = "",
    end: Annotated[str, typer.Option(help="Until when, UTC.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="All samples as CSV, not the last few.")] = False,
    site: Site = None,
) -> None:
    """Show samples of a topic: the last of the range, or all as CSV."""
    from hven.core.clock import parse_utc
    from hven.core.settings import load_settings
    from hven.telemetry.store import TelemetryStore

    span = parse_utc(start) if start else 0, parse_utc(end) if end else 1 << 62
    table = TelemetryStore(load_settings(site).root).read(topic, fields or (), *span).to_dataframe()
    print(table.to_csv(date_format="%Y-%m-%dT%H:%M:%S.%fZ") if csv else table.tail(_SHOWN).to_string())
    if not csv:
        print(f"{len(table)} samples")


@telemetry.command()
def ingest(
    topic: Topic,
    files: Annotated[list[Path], typer.Argument(help="JSON lines, CSV, Parquet, or files for the annex.")],
    *,
    begin: Annotated[
        str, typer.Option(help="UTC from which elapsed seconds count, or to which files for the annex belong.")
    ] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Take samples from files; what is there already stays, so a file may be taken twice."""
    import json
    from dataclasses import asdict

    from hven.core.clock import parse_utc
    from hven.core.settings import load_settings
    from hven.telemetry.intake import take_file
    from hven.telemetry.samples import Appended
    from hven.telemetry.store import TelemetryStore
    from hven.telemetry.topics import declared

    settings = load_settings(site)
    store, chosen, told = TelemetryStore(settings.root), declared(settings).topic(topic), Appended()
    for file in files:
        told += take_file(store, chosen, file, begin_ns=parse_utc(begin) if begin else None)
    if as_json:
        print(json.dumps(asdict(told)))
        return
    print(f"{told.new} new samples ({told.late} of them late), {told.duplicates} known, {told.conflicts} in conflict")


@telemetry.command()
def push(
    topic: Topic,
    samples: Annotated[
        str, typer.Argument(help='JSON: a sample or a list of them, e.g. {"time": "...", "temperature": 11.5}.')
    ],
    *,
    site: Site = None,
) -> None:
    """Hand samples to the batch service, which brings them into the store."""
    import getpass
    import json

    from hven.core.errors import ConfigurationError
    from hven.core.settings import load_settings
    from hven.registry.database import Database
    from hven.telemetry.spool import Spool
    from hven.telemetry.topics import declared

    settings = load_settings(site)
    try:
        given = json.loads(samples)
    except ValueError as error:
        raise ConfigurationError(f"the samples are not JSON: {error}") from None
    given = given if isinstance(given, list) else [given]
    chosen = declared(settings).topic(topic)
    print(f"{Spool(Database(settings.platform_url)).put(chosen, given, who=getpass.getuser())} samples accepted")


@telemetry.command()
def transform(
    night: Annotated[int, typer.Argument(help="Observing day, YYYYMMDD.")],
    *,
    instrument: Annotated[str, typer.Option(help="Whose exposures.")] = "panoseti",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say of each exposure of a night what telemetry knows; made again, it is published where something has changed."""
    import json

    from hven.observatory import connect
    from hven.telemetry.night import transform as make

    with connect(site) as obs:
        product = make(obs.settings, obs.registry, instrument, night, user=obs.user)
    if as_json:
        print(json.dumps({"id": product.id, "rows": product.rows, "path": str(product.path)}))
        return
    print(f"{product.rows} exposures in {product.ref}")
    print(f'Open it: obs.open("{product.ref.type.name}", day_obs={night})')


@telemetry.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="A folder for each topic goes here; a drop folder will do.")],
    *,
    night: Annotated[int, typer.Option(help="Observing day, YYYYMMDD.")] = 20251021,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bits.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, help="Length of the series.")] = 10.0,
    offset: Annotated[float, typer.Option(help="Of the observing day, in hours; -20 is Palomar's.")] = -20.0,
    topics: Annotated[list[str] | None, typer.Option("--topic", help="Which; may be given several times.")] = None,
) -> None:
    """Write a simulated night of dome, mount, weather, lasers and cameras."""
    from hven.telemetry.simulate import simulate as write

    written = write(folder, night=night, offset_hours=offset, seed=seed, hours=hours, topics=topics or ())
    for file in written:
        print(f"{file.stat().st_size / 1e6:8.2f} MB {file.relative_to(folder)}")
