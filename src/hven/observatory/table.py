"""Products as a pandas table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from hven.model.data_id import KEYS
from hven.model.product import Product

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("begin", "end", "created")
_AFTER_KEYS = (*TIMES, "rows", "size", "flags", "task", "run", "user", "id", "path")


def table(products: Sequence[Product], expected: Collection[str] = ()) -> pd.DataFrame:
    """One row for each product: level, type, data ID keys that occur, times (UTC; NaT for none), size and origin.

    Without products its keys are those that are expected.
    """
    import pandas as pd

    occurring = {key for p in products for key in p.ref.data_id} if products else expected
    keys = [key for key in KEYS if key in occurring]
    frame = pd.DataFrame([_row(p, keys) for p in products], columns=["level", "type", *keys, *_AFTER_KEYS])
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name].astype("int64"), unit="ns", utc=True)
    frame.loc[[not p.timed for p in products], ["begin", "end"]] = pd.NaT
    return frame


def _row(product: Product, keys: Sequence[str]) -> list[object]:
    return [
        str(product.ref.type.level),
        product.ref.type.name,
        *(product.ref.data_id.get(key) for key in keys),
        product.begin_ns,
        product.end_ns,
        product.created_ns,
        product.rows,
        product.size_bytes,
        " ".join(product.flags),
        product.task,
        product.run,
        product.user,
        product.id,
        str(product.path),
    ]
