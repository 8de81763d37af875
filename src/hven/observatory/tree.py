"""A whole observation as a tree of datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr

from hven.core.errors import AmbiguousNameError
from hven.model.instrument import Instrument
from hven.model.product import Product

if TYPE_CHECKING:
    from collections.abc import Callable

_OBSERVATION = ("instrument", "day_obs", "observation")


def tree(
    products: Sequence[Product], opener: Callable[[Product], xr.Dataset], instruments: Mapping[str, Instrument]
) -> xr.DataTree:
    """Tree of the products of one observation: `/module_254/ph1024`; what has no detector lies at the top.

    Raises
    ------
    AmbiguousNameError
        When the products belong to several observations.
    """
    observations = sorted({p.ref.data_id.subset(_OBSERVATION) for p in products})
    if len(observations) > 1:
        listed = "".join(f"\n    {o}" for o in observations[:10])
        raise AmbiguousNameError(f"{len(observations)} observations fit:{listed}", hint="Add observation=....")
    return xr.DataTree.from_dict({_place(p, instruments): opener(p) for p in products})


def _place(product: Product, instruments: Mapping[str, Instrument]) -> str:
    what = product.ref.type.name.partition(".")[2].replace(".", "_").replace("-", "_")
    detector = product.ref.data_id.get("detector")
    if detector is None:
        return f"/{what}"
    return f"/{instruments[product.ref.type.instrument].detector_word}_{detector}/{what}"
