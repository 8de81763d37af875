"""Observations: what there is, to browse and to search."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import panel as pn

from hven.core.clock import NS
from hven.observatory import Observatory
from hven.views import formats, markup, queries, states
from hven.views.frame import Content, section
from hven.views.url import Url

SHOWN = 200
ALL = "all nights"


def page(observatory: Observatory, url: Url) -> Content:
    """Table of the observations, with search; each row leads to the data of a detector."""
    found = queries.products(observatory)
    nights = {ALL: 0} | {formats.night(n): n for n in queries.nights(found)}
    asked = url.whole("night") or 0
    night = pn.ui.Select(label="Night", options=nights, value=asked if asked in nights.values() else 0, width=180,
                         size="small", margin=0)  # fmt: skip
    search = pn.ui.TextInput(label="Search", placeholder="name, detector, product or flag", value=url.get("search"),
                             width=320, size="small", margin=0)  # fmt: skip
    measured = queries.metrics(observatory, found)
    body = pn.bind(lambda n, text: _table(url, found, measured, n, text), night, search)
    return Content("Observations", [body], [url.follow(night, "night"), url.follow(search, "search")])


def matching(rows: pd.DataFrame, text: str) -> pd.DataFrame:
    """Observations of which every word of a text occurs in name, detectors, products or flags."""
    if not text.strip() or not len(rows):
        return rows
    columns = ["observation", "detectors", "what", "flags", "levels", "day_obs"]
    whole = rows[columns].astype(str).agg(" ".join, axis=1).str.lower()
    keep = whole.map(lambda line: all(word in line for word in text.lower().split()))
    return rows[keep]


def _table(url: Url, found: pd.DataFrame, measured: pd.DataFrame, night: int, text: str) -> Any:
    chosen = found[found["day_obs"] == night] if night else found
    rows = queries.observations(chosen)
    if not len(rows):
        return markup.html(markup.empty("No observation yet", "Nothing has been ingested.", "hven ingest PATH"))
    rows = matching(rows, text)
    if not len(rows):
        return markup.html(
            markup.empty(f"Nothing fits “{text}”", "Search looks at names, detectors, products and flags.")
        )
    status = queries.worst_of(measured, ["observation"])
    listed = [
        _row(url, row, status.get((row["observation"],), "not run")) for row in rows.head(SHOWN).to_dict("records")
    ]
    columns = ["Night", "Observation", "Quality", "Begin (UTC)", "Length", "Detectors", "Products", "Frames", "Size",
               "Levels", "Flags"]  # fmt: skip
    more = f"first {SHOWN} of {len(rows)}" if len(rows) > SHOWN else f"{len(rows)}"
    return section("What is there", markup.html(markup.table(columns, listed)), note=more)


def _row(url: Url, row: dict[Any, Any], status: str) -> list[markup.Cell]:
    first = {"observation": row["observation"], "night": row["day_obs"]}
    detectors = ", ".join(markup.link(str(d), url.to("observation", **first, detector=d)) for d in row["detectors"])
    return [
        (markup.link(formats.night(row["day_obs"]), url.to("tonight", night=row["day_obs"])), ""),
        (markup.link(row["observation"], url.to("observation", **first)), "wrap"),
        (states.chip(status, "not measured" if status == "not run" else ""), ""),
        (formats.utc(row["begin_ns"]), "number"),
        (formats.duration((row["end_ns"] - row["begin_ns"]) / NS), "number"),
        (detectors, ""),
        (escape(", ".join(row["what"])), ""),
        (f"{row['frames']:,}", "number"),
        (formats.size(row["size_bytes"]), "number"),
        (escape(" ".join(row["levels"])), ""),
        (" ".join(states.chip("partial", escape(f)) for f in row["flags"]), ""),
    ]
