"""`hven find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Collection, DayObs, Detector, Json, Level, Observation, Site, Where, data_id

if TYPE_CHECKING:
    import pandas as pd


def find(
    dataset_type: Annotated[str, typer.Argument(help="Dataset type, e.g. panoseti.ph1024; all if left out.")] = "",
    *,
    level: Level = None,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    collection: Collection = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List products."""
    from hven.observatory import connect

    with connect(site) as obs:
        chosen = data_id(day_obs, observation, detector)
        table = obs.find(dataset_type, level=level, where=where, collection=collection, **chosen)
    if as_json:
        print(table.to_json(orient="records", date_format="iso", date_unit="ns", indent=1))
        return
    _show(table)


def _show(found: pd.DataFrame) -> None:
    import pandas as pd
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    keys = [c for c in found.columns if c not in {"created", "task", "run", "user", "path", "instrument", "end"}]
    table = Table(*keys, box=None, header_style="bold")
    for row in found[keys].to_dict("records"):
        row["begin"] = f"{row['begin']:%Y-%m-%dT%H:%M:%S}"
        row["size"] = decimal(row["size"])
        table.add_row(
            *("" if pd.isna(row[k]) else f"{row[k]:.0f}" if isinstance(row[k], float) else str(row[k]) for k in keys)
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(found)} product{'' if len(found) == 1 else 's'}")
