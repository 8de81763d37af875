"""`hven get`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hven.cli.options import Collection, DayObs, Detector, Json, Level, Observation, Site, TypeArgument, Where, data_id


def get(
    dataset_type: TypeArgument,
    *,
    level: Level = None,
    file_format: Annotated[str, typer.Option("--format", help="fits, parquet (tables only) or zarr.")] = "fits",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to be made.")] = None,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    where: Where = "",
    collection: Collection = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Write one dataset into a file for other programs."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        made = obs.get(
            dataset_type,
            level,
            file_format=file_format,
            target=output,
            where=where,
            collection=collection,
            **data_id(day_obs, observation, detector),
        )
    print(json.dumps({"file": str(made)}) if as_json else made)
