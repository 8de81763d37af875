"""`hven ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hven.archive.results import Report


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, run directories, or folders of either.")],
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking for new files until stopped.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="One look as --watch takes it: files that may still grow are left alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Archive raw files, verified, and make L0 products of them.

    Exit code 0 when all is well, 3 when a file was quarantined, came too late or is of no known instrument, or a
    product could not be made, 7 when trying again may help.
    """
    from hven.core.loading import loading

    with loading():
        from hven.core.settings import load_settings

        settings = load_settings()  # without a site nothing else need be loaded
        from hven.archive.ingest import Archive
        from hven.archive.watch import watch as keep_watching
        from hven.cli.console import working
        from hven.core.logging import configure
        from hven.instruments import load
        from hven.registry.direct import DirectRegistry

    configure(json=watch, level="INFO" if watch else "WARNING")
    settings.state.mkdir(parents=True, exist_ok=True)
    instruments = [load(name) for name in settings.instruments]
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, instruments)
        try:
            if watch:
                keep_watching(archive, paths)
                return
            with working("Looking") as tell:
                archive.progress = lambda what, name: tell(f"{what} {name}")
                report = archive.ingest(paths, settle_s=settings.ingest.settle_s if once else 0.0, retry=not once)
        finally:
            archive.close()
    _show(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def _show(report: Report, *, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        print(json.dumps(asdict(report), indent=1))
    else:
        _show_tables(report)


def _show_tables(report: Report) -> None:
    from hven.archive.results import FileState
    from hven.cli.console import output, table

    counts = [f"{count} {state}" for state in FileState if (count := report.count(state))]
    console = output()
    console.print(f"{len(report.files)} files: {', '.join(counts) or 'none of a known instrument'}")
    problems = [f for f in report.files if f.reason]
    if problems:
        shown = table("state", "file", "reason")
        for file in problems:
            shown.add_row(file.state, file.path, file.reason)
        console.print(shown)
    if report.products:
        shown = table("product", "rows", "")
        for product in report.products:
            note = product.error or ("there already" if product.reused else ", ".join(product.flags))
            shown.add_row(product.dataset, str(product.rows), note)
        console.print(shown)
    for error in report.errors:
        console.print(error, style="red", soft_wrap=True)
