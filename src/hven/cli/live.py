"""`hven live`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Changes, Site, read_changes

if TYPE_CHECKING:
    from hven.prompt.status import Status


def live(
    pipeline: Annotated[str, typer.Argument(help="E.g. magis/live, or magis/feedback for the calibration mode.")],
    folder: Annotated[Path, typer.Argument(help="Where observations appear; with --replay one that was taken.")],
    *,
    replay: Annotated[
        float, typer.Option(help="Take the files of FOLDER from memory, so many a second and detector, then end.")
    ] = 0.0,
    config: Changes = None,
    site: Site = None,
) -> None:
    """Process data while they come: results at once on the gateway, products when an observation has ended.

    Watches FOLDER until stopped (SIGTERM, SIGINT); what has come is finished first. Exit code 3 when a file gave no
    results.
    """
    import signal
    import threading

    from hven.core.logging import configure
    from hven.core.settings import load_settings
    from hven.prompt.source import Watched
    from hven.prompt.start import live as made_ready
    from hven.prompt.start import replayed

    settings = load_settings(site)
    configure(json=True, level="INFO")
    settings.state.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with made_ready(settings, pipeline, config=read_changes(config or [])) as processing:
        chosen = settings.live
        source = (
            replayed(folder, processing.instrument, replay)
            if replay
            else Watched(
                folder,
                processing.instrument,
                poll_s=chosen.poll_s,
                patience_s=chosen.patience_s,
                done=processing.published,
            )
        )
        status = processing.run(source, stop=stop.is_set)
    _say(status)


def _say(status: Status) -> None:
    from hven.core.errors import DataError

    print(f"{status.received} files, {status.analysed} with results, {status.failed} without")
    for failure in status.failures:
        print(f"  {failure['file']}: {failure['reason']}")
    if status.failed:
        raise typer.Exit(DataError.exit_code)
