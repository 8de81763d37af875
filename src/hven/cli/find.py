"""`hven find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
    from rich.filesize import decimal

    from hven.cli.console import output, table

    shown = found.assign(
        dataset=found["level"] + "/" + found["type"],
        begin=found["begin"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
        size=[decimal(size) for size in found["size"]],
    )
    keys = [key for key in ("day_obs", "observation", "detector") if key in shown]
    columns = ("dataset", *keys, "begin", "rows", "size", "flags", "id")
    lines = table(*columns)
    for row in zip(*(shown[name] for name in columns), strict=True):
        lines.add_row(*map(_cell, row))
    output().print(lines)
    print(f"{len(found)} product{'' if len(found) == 1 else 's'}")


def _cell(value: Any) -> str:
    """Whole numbers stay whole where a key that some products lack has made them floats."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the only value that differs from itself
        return ""
    return f"{value:.0f}" if isinstance(value, float) else str(value)
