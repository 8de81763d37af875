"""What a run made, beside what is found by default: equal or not, and how the quality differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hven.model.events import METRICS
from hven.model.product import Product

if TYPE_CHECKING:
    import pandas as pd

    from hven.observatory.reading import Reading

_ROW = ["metric", "grain", "begin"]
_COLUMNS = ["type", "data_id", *_ROW, "unit", "before", "after", "change"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Products of a run beside others.

    Parameters
    ----------
    equal, different
        Those with a counterpart, by whether the content is the same.
    new
        Those without one.
    metrics
        One row for each metric whose value differs: type, data_id, metric, grain, begin, unit, before, after, change.
    """

    equal: tuple[Product, ...]
    different: tuple[Product, ...]
    new: tuple[Product, ...]
    metrics: pd.DataFrame


def compare(obs: Reading, run: str, against: str = "") -> Comparison:
    """Compare the products of a run with those of the same type and data ID that are found by default.

    Parameters
    ----------
    obs
        Finds and opens them.
    run
        Collection of what is new.
    against
        Collection of what it is compared with; the defaults if empty.
    """
    import pandas as pd

    products = obs.registry.find(collection=run)
    before = {p.id: obs.registry.find_one(p.ref, collection=against) for p in products}
    pairs = [(former, p) for p in products if (former := before[p.id]) is not None and former.id != p.id]
    different = [(former, p) for former, p in pairs if former.digest != p.digest]
    rows = [row for former, p in different for row in _changes(obs, former, p)]
    return Comparison(
        equal=tuple(p for former, p in pairs if former.digest == p.digest),
        different=tuple(p for _, p in different),
        new=tuple(p for p in products if before[p.id] is None),
        metrics=pd.DataFrame(rows, columns=_COLUMNS),
    )


def _changes(obs: Reading, former: Product, product: Product) -> Iterator[list[object]]:
    """Metrics that differ between two tables of metrics; nothing for other products."""
    tables = [obs.open_product(p).to_dataframe().reset_index(drop=True) for p in (former, product)]
    if not all({v.name for v in METRICS} <= set(table.columns) for table in tables):
        return
    both = tables[0].merge(tables[1], on=_ROW, how="outer", suffixes=("_before", "_after"))
    both["unit"] = both["unit_after"].fillna(both["unit_before"])
    both["change"] = both["value_after"] - both["value_before"]
    neither = both["value_before"].isna() & both["value_after"].isna()
    for row in both[(both["change"] != 0) & ~neither].to_dict("records"):
        values = [row[name] for name in (*_ROW, "unit", "value_before", "value_after", "change")]
        yield [str(product.ref.type), str(product.ref.data_id), *values]
