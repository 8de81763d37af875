"""`hven show`."""

from __future__ import annotations

from typing import Annotated

import typer

from hven.cli.options import Json, Site


def show(
    product_id: Annotated[str, typer.Argument(help="Id of a product, as `hven find` lists it.")],
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Print the provenance of a product: how it came to be, and what was made from it."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        product = obs.product(product_id)
        record = obs.provenance(product).model_dump(mode="json")
        facts = {
            "path": str(obs.root / product.path),
            "rows": product.rows,
            "size_bytes": product.size_bytes,
            "digest": product.digest,
            "outputs": obs.registry.outputs_of(product_id),
        }
    if as_json:
        print(json.dumps({**record, **facts}, indent=1))
    else:
        _print({**record, **facts})


def _print(record: dict[str, object]) -> None:
    import yaml

    from hven.core.clock import format_utc

    created = record.pop("created_ns")
    record["created"] = format_utc(int(str(created)))
    print(yaml.safe_dump(record, sort_keys=False, width=200))
