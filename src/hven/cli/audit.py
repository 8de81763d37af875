"""`hven audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.archive.completeness.depth import Depth
from hven.cli.options import Json, Site


def audit(
    day_obs: Annotated[
        list[int] | None, typer.Argument(help="Observing days YYYYMMDD; all nights if left out.")
    ] = None,
    *,
    depth: Annotated[
        Depth,
        typer.Option(
            "--level",
            help="count: records against the exposure log; listing: files and products by name and size; "
            "bytes: every byte is read again.",
        ),
    ] = Depth.LISTING,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Look closely whether nights are complete, and name what is amiss; exit code 3 when something is.

    `hven catchup` heals what it can.
    """
    import json

    from hven.archive.completeness.auditor import Auditor, places
    from hven.archive.completeness.model import MEANINGS
    from hven.archive.completeness.store import CompletenessStore
    from hven.cli.console import working
    from hven.core.errors import DataError
    from hven.core.settings import load_settings
    from hven.registry.database import Database
    from hven.registry.direct import DirectRegistry

    settings = load_settings(site)
    database, found = Database(settings.platform_url), []
    try:
        with DirectRegistry(settings.registry_url, settings.root) as registry, working("Looking") as tell:
            auditor = Auditor(settings, registry, CompletenessStore(database))
            for place in places(auditor, day_obs or []):
                tell(f"Looking at {place}")
                found += auditor.audit(place, depth)
    finally:
        database.close()
    if as_json:
        print(json.dumps([finding.model_dump(mode="json") for finding in found], indent=1))
    for finding in [] if as_json else found:
        print(f"{finding.day_obs} {finding.kind}: {finding.path}\n    {MEANINGS[finding.kind]}: {finding.detail}")
    if found:
        raise typer.Exit(DataError.exit_code)
    if not as_json:
        print("nothing is amiss")
