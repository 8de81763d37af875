"""`hven catchup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.archive.completeness.depth import Depth
from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.archive.completeness.catchup import CatchupReport


def catchup(
    day_obs: Annotated[list[int], typer.Argument(help="Observing days YYYYMMDD.")],
    *,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="Folder, or host:/folder by ssh; default are the site's, else incoming/."),
    ] = None,
    depth: Annotated[Depth, typer.Option("--level", help="How closely is looked, as by `hven audit`.")] = Depth.LISTING,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Heal nights from where their files came, and say what cannot be healed; exit code 3 when not all is healed.

    Raw files come back only with the bytes that their manifest names; new ones are taken in as `hven ingest` does. Lost
    products of L1 and L2 are forgotten, and jobs are asked for them: they are healed when the ledger sees them.
    Run it as the archive's account. Where nothing is amiss nothing is asked for and nothing is changed.
    """
    import json

    from hven.archive.completeness.auditor import Auditor, places
    from hven.archive.completeness.catchup import Catchup
    from hven.archive.completeness.source import open_sources
    from hven.archive.completeness.store import CompletenessStore
    from hven.archive.ingest import Archive
    from hven.batch.account import service_account
    from hven.cli.console import working
    from hven.core.errors import DataError
    from hven.core.logging import configure
    from hven.core.settings import load_settings
    from hven.instruments import load
    from hven.observatory import Observatory
    from hven.observatory.lost import Lost
    from hven.registry.database import Database
    from hven.registry.direct import DirectRegistry

    configure(json=as_json, level="ERROR")
    settings = load_settings(site)
    incoming = settings.root / "incoming"
    names = source or settings.ingest.sources or ([str(incoming)] if incoming.is_dir() else [])
    database, reports = Database(settings.platform_url), {}
    with (
        DirectRegistry(settings.registry_url, settings.root) as registry,
        open_sources(names, incoming, ssh_config=settings.ingest.ssh_config) as sources,
        working("Looking") as tell,
    ):
        auditor = Auditor(settings, registry, CompletenessStore(database))
        archive = Archive(settings, registry, [load(name) for name in settings.instruments])
        lost = Lost(Observatory(settings, registry, user=service_account(settings)), registry)
        healer = Catchup(auditor, archive, sources, maker=lost, progress=tell)
        for place in places(auditor, day_obs):
            reports[str(place)] = healer.heal(place, depth)
        archive.close()
    database.close()
    if as_json:
        print(json.dumps({name: _as_json(report) for name, report in reports.items()}, indent=1))
    for name, report in {} if as_json else reports.items():
        _tell(name, report)
    if any(report.left or report.asked for report in reports.values()):
        raise typer.Exit(DataError.exit_code)


def _as_json(report: CatchupReport) -> dict[str, list[dict[str, object]]]:
    return {
        name: [{**one.finding.model_dump(mode="json"), "outcome": one.text} for one in outcomes]
        for name, outcomes in (("healed", report.healed), ("asked", report.asked), ("left", report.left))
    }


def _tell(name: str, report: CatchupReport) -> None:
    asked = f", {len(report.asked)} asked for" if report.asked else ""
    print(f"{name}: {len(report.healed)} healed{asked}, {len(report.left)} left")
    for what, outcomes in (("healed", report.healed), ("asked", report.asked), ("left", report.left)):
        for finding, text in outcomes:
            print(f"  {what}  {finding.kind}: {finding.path}\n    {text}")
