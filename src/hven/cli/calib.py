"""`hven calib`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Level, Site, TypeArgument

calib = typer.Typer(help="Which calibration is valid when.", no_args_is_help=True)


@calib.command()
def certify(
    product_id: Annotated[str, typer.Argument(help="Id of a product, as `hven find` lists it.")],
    collection: Annotated[str, typer.Argument(help="CALIBRATION collection, e.g. panoseti/calib/gain.")],
    begin: Annotated[str, typer.Option(help="UTC, e.g. 2025-10-22T04:00:00.")],
    end: Annotated[str, typer.Option(help="UTC, not included.")],
    site: Site = None,
) -> None:
    """Make a product the calibration for data taken in [begin, end)."""
    from hven.observatory import connect

    with connect(site) as obs:
        obs.certify(product_id, begin, end, collection)
    print(f"{product_id} is valid from {begin} to {end} in {collection}")


@calib.command()
def lookup(
    dataset_type: TypeArgument,
    *,
    at: Annotated[str, typer.Option(help="UTC, e.g. 2025-10-22T04:00:00.")],
    detector: Annotated[int | None, typer.Option(help="Detector.")] = None,
    level: Level = None,
    collection: Annotated[str, typer.Option(help="CALIBRATION or CHAINED collection; default is all.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say which calibration is valid at a time."""
    import json

    from hven.observatory import connect

    given = {} if detector is None else {"detector": detector}
    with connect(site) as obs:
        found = obs.calibration(dataset_type, at, level, collection=collection, **given)
    if as_json:
        print(json.dumps({"id": found.id, "dataset": str(found.ref), "path": str(found.path)}, indent=1))
    else:
        print(f"{found.id}  {found.ref}")
