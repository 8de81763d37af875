"""Events that are marked on the light curves of some pixels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hven.model.data_id import Level
from hven.observatory import Observatory
from hven.views import queries

MOST_READ = 500_000
"""Of a table with more rows nothing is marked: reading it would keep the page waiting."""
MOST_SHOWN = 200
RANK = {"pulses": "nsigma", "showers": "size"}
"""Column by which events of a kind are the stronger."""


def kind_of(what: str) -> str:
    """Which events are looked for in frames of a kind."""
    return "pulses" if what.startswith("img") else "showers"


def events_of(observatory: Observatory, found: pd.DataFrame, what: str, detector: int) -> pd.DataFrame:
    """Events of a detector, the strongest first: `time`, `text`, and `y`, `x` of those that are in one pixel."""
    kind = kind_of(what)
    product = queries.pick(found, Level.L2, kind, detector)
    if product is None or not 0 < product.rows <= MOST_READ:
        return pd.DataFrame({"time": pd.to_datetime([]), "text": []})
    table = queries.read_table(observatory, product).sort_values(RANK[kind], ascending=False)
    text = _pulses(table) if kind == "pulses" else "shower of size " + table["size"].map("{:,.0f}".format)
    return table.assign(text=text)[[n for n in ("time", "text", "y", "x") if n in {"text", *table.columns}]]


def not_all(found: pd.DataFrame, what: str, detector: int) -> str:
    """What is not marked, in words; empty where everything is."""
    product = queries.pick(found, Level.L2, kind_of(what), detector)
    if product is None or product.rows <= MOST_SHOWN:
        return ""
    if product.rows > MOST_READ:
        return f" None of the {product.rows:,} {kind_of(what)} is marked: they are too many."
    return f" Of the {kind_of(what)} that fall into the curves the {MOST_SHOWN} strongest are marked."


def _pulses(table: pd.DataFrame) -> pd.Series:
    strength = table["nsigma"].map("{:.1f}".format)
    return "pulse of " + strength + " sigma, x " + table["x"].astype(str) + ", y " + table["y"].astype(str)


def marked(events: pd.DataFrame, pixels: Sequence[tuple[int, int]], begin: object, end: object) -> pd.DataFrame:
    """The strongest that fall into a time range and, where they are in one pixel, into one of these (y, x)."""
    inside = events[(events["time"] >= begin) & (events["time"] <= end)]
    if "x" in inside:
        inside = inside[[place in set(pixels) for place in zip(inside["y"], inside["x"], strict=True)]]
    return inside.head(MOST_SHOWN)
