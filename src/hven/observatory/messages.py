"""What is said when not exactly one dataset fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hven.core.errors import AmbiguousNameError, DatasetNotFoundError
from hven.model.product import Product
from hven.model.query import DataQuery

if TYPE_CHECKING:
    from hven.observatory.view import View

_LISTED = 10
_HINT = "`hven find` lists what there is."


def not_there(
    obs: View, dataset_type: str, level: str | None, query: DataQuery, collection: str
) -> DatasetNotFoundError:
    """Nothing fits, and why, as far as that can be told."""
    what = f"{level}/{dataset_type.rpartition('/')[2]}" if level else dataset_type
    if collection:
        return nothing_fits(what, query, collection)
    from hven.observatory.explain import explain

    cause = explain(obs, obs.dataset_type(dataset_type, level), query).broken
    return nothing_fits(what, query, "", f": {cause.about}: {cause.text}" if cause else "")


def nothing_fits(what: str, query: DataQuery, collection: str, reason: str = "") -> DatasetNotFoundError:
    """Nothing fits."""
    where = f" in {collection}" if collection else ""
    return DatasetNotFoundError(f"there is no {what} with {query}{where}{reason}", hint=_HINT)


def several(found: list[Product]) -> AmbiguousNameError:
    """More than one fits: list them, and what tells them apart."""
    differing = [key for key in found[0].ref.data_id if len({p.ref.data_id.get(key) for p in found}) > 1]
    listed = "\n".join(f"    {p.ref} {p.id}" for p in found[:_LISTED])
    more = f"\n    and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    keys = ", ".join(differing) or "collection"
    return AmbiguousNameError(f"{len(found)} datasets fit:\n{listed}{more}", hint=f"Add one of: {keys}.")
