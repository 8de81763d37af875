"""`hven night`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Site

if TYPE_CHECKING:
    from hven.observatory import Observatory

night = typer.Typer(help="The night log, and what a night was like.", no_args_is_help=True)

Words = Annotated[str, typer.Argument(help="For everybody.")]
Night = Annotated[int | None, typer.Option("--day-obs", help="Observing day YYYYMMDD; today if left out.")]
Instrument = Annotated[str | None, typer.Option(help="The site's first if left out.")]


@night.command()
def log(text: Words, *, day_obs: Night = None, site: Site = None) -> None:
    """Write a line into the night log."""
    _write("log", text, day_obs, None, site)


@night.command()
def begin(text: Words = "", *, instrument: Instrument = None, site: Site = None) -> None:
    """Say that observing begins: from now on raw data are waited for."""
    _write("begin", text or "observing begins", None, instrument, site)


@night.command()
def end(text: Words = "", *, instrument: Instrument = None, site: Site = None) -> None:
    """Say that observing ends."""
    _write("end", text or "observing ends", None, instrument, site)


@night.command()
def show(*, day_obs: Night = None, instrument: Instrument = None, site: Site = None) -> None:
    """Show a night in a few lines: verdict, observations, quality, alarms, what people said."""
    from hven.observatory import connect
    from hven.observatory.night import summarise

    with connect(site) as obs:
        print(summarise(obs, instrument or obs.settings.instruments[0], day_obs or _today(obs)))


@night.command()
def report(*, day_obs: Night = None, instrument: Instrument = None, site: Site = None) -> None:
    """Make the report of a night now: execute its notebook, keep it as a product, send its summary."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from hven.batch.reports.night import make
    from hven.observatory import connect

    with connect(site) as obs:
        settings, today = obs.settings, _today(obs)
    with TemporaryDirectory(dir=settings.state) as folder:
        product, made = make(settings, Path(folder), instrument or settings.instruments[0], day_obs or today)
    print(f"{made.text}\n\n{product.id}")


def _write(kind: str, text: str, day_obs: int | None, instrument: str | None, site: Site) -> None:
    from hven.observatory import connect

    with connect(site) as obs:
        print(obs.annotate(text, kind=kind, day_obs=day_obs or _today(obs), instrument=instrument).id)


def _today(obs: Observatory) -> int:
    from hven.core.clock import day_obs, now_ns

    return day_obs(now_ns(), obs.settings.observatory.day_obs_offset_hours)
