"""Provenance of what is shown, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import yaml

from hven.model.product import Product
from hven.model.provenance import LEFT_OUT
from hven.observatory import Observatory
from hven.views import formats, markup, queries
from hven.views.frame import section


def provenance(observatory: Observatory, found: pd.DataFrame, what: str, detector: int) -> Any:
    """Records of every level of a detector's frames and what was measured on them, newest level first."""
    names = (what, f"{what}.pedestals", f"{what}.qc", "showers", "pulses")
    fitting = found[found["what"].isin(names) & (found["detector"] == detector)]
    ordered = fitting.sort_values(["level", "what"], ascending=[False, True])
    return section("Provenance", markup.html("".join(_product(observatory, p) for p in ordered["product"])),
                   note="how each product came to be")  # fmt: skip


def left_out(notes: Mapping[str, Any]) -> dict[str, str]:
    """How many rows of the inputs were left out because their time is marked bad, and of which times."""
    parts = [
        f"{told['rows']:,} rows from {' and '.join(f'{formats.utc(a)} to {formats.utc(b)}' for a, b in told['times'])}"
        for told in notes.get(LEFT_OUT, {}).values()
    ]
    return {"Left out": "; ".join(parts)} if parts else {}


def _product(observatory: Observatory, product: Product) -> str:
    record = queries.read(observatory, product).hven.provenance
    values = {
        "Made by": escape(f"{record.task or 'ingest'} {record.task_version}".strip()),
        "When (UTC)": formats.utc(record.created_ns),
        "Where": escape(f"{record.user} at {record.site}"),
        "Software": escape(f"hven {record.software.version}, commit {record.software.commit[:10] or 'unknown'}"),
        "Run": escape(record.run),
        "Content digest": f"<code>{escape(product.digest[:20])}…</code>",
        **left_out(record.notes),
    }
    columns = ["Input", "Role", "Type", "Product", "Digest"]
    rows = [
        [(escape(i.slot), ""), (escape(i.role), ""), (escape(i.dataset_type), "wrap"),
         (f"<code>{escape(i.id)}</code>", ""), (f"<code>{escape(i.digest[:16])}…</code>", "")]
        for i in record.inputs
    ]  # fmt: skip
    config = yaml.safe_dump(record.config, sort_keys=False) if record.config else ""
    more = f"<details><summary>Configuration</summary><pre>{escape(config)}</pre></details>" if config else ""
    number = f"{len(rows)} input{'' if len(rows) == 1 else 's'}"
    inputs = f"<details><summary>{number}</summary>{markup.table(columns, rows)}</details>" if rows else ""
    title = f"<h2 style='margin:16px 0 8px'>{escape(str(product.ref.type))}</h2>"
    return title + markup.facts(values, plain=True) + more + inputs
