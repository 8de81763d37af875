"""`hven space`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.retention.space import Space


def space(as_json: Json = False, site: Site = None) -> None:
    """Show what your own products take, and which can be made again."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.space()
    if as_json:
        print(json.dumps(as_plain(found), indent=1))
    else:
        _show(found)


def as_plain(found: Space) -> dict[str, Any]:
    """The space as JSON has it; sizes are bytes."""
    products = [
        {
            "id": own.product.id,
            "dataset": str(own.product.ref),
            "run": own.product.run,
            "size": own.product.size_bytes,
            "age_days": round(own.age_days, 3),
            "reproducible": own.reproducible,
            "again": own.again.command,
            "reason": own.again.reason,
        }
        for own in found.products
    ]
    return {
        "user": found.user,
        "used": found.used,
        "quota": found.quota,
        "reproducible": found.reproducible,
        "trash": found.trash,
        "other": found.other,
        "unregistered": dict(found.unregistered),
        "products": products,
    }


def _show(found: Space) -> None:
    from rich.filesize import decimal

    from hven.cli.console import output, table

    shown = table("size", "age", "dataset", "id", "again")
    for own in found.products:
        again = own.again.command or f"not: {own.again.reason}"
        row = (decimal(own.product.size_bytes), f"{own.age_days:.0f} d", str(own.product.ref), own.product.id, again)
        shown.add_row(*row)
    for path, size in found.unregistered.items():
        shown.add_row(decimal(size), "", path, path.rpartition("/")[2], "not registered")
    if shown.rows:
        output().print(shown)
    print(found)
    if found.trash:
        print(f"{decimal(found.trash)} in the trash: `hven remove --empty-trash --really` deletes it")
