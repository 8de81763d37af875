"""The widget that browses products."""

from __future__ import annotations

from typing import Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.observatory import Observatory
from hven.widgets.data_query import DataQueryFields
from hven.widgets.look import problem

ROWS_SHOWN = 100
_SHOWN = ("day_obs", "observation", "detector", "begin", "end", "rows", "size", "flags")


class Browser(iw.VBox):
    """Choose a dataset type and data; see what there is; open one.

    Parameters
    ----------
    obs
        Observatory.

    Examples
    --------
    In a notebook::

        browser = Browser(hven.connect())
        browser            # choose a row, then
        browser.dataset    # the chosen product, opened
    """

    def __init__(self, obs: Observatory) -> None:
        self._obs = obs
        products = obs.query()
        types = sorted({str(p.ref.type) for p in products})
        self.type = iw.Dropdown(options=types, description="Type")
        self.query = DataQueryFields(sorted({p.ref.data_id for p in products}), self.refresh)
        self.table = iw.HTML()
        self.row = iw.Dropdown(description="Row")
        self.line = iw.HTML()
        self.dataset: Any = None
        self.type.observe(lambda _change: self.refresh(), names="value")
        self.row.observe(lambda _change: self._open(), names="value")
        self.refresh()
        super().__init__([self.type, self.query.box, self.table, self.row, self.line])

    def refresh(self) -> None:
        """Look again."""
        if not self.type.value:
            self.table.value = "Nothing has been ingested yet. <code>hven ingest FOLDER</code> does it."
            return
        level, _, name = self.type.value.partition("/")
        try:
            found = self._obs.find(name, level=level, **self.query.values)
        except HvenError as error:
            self.table.value = problem(error)
            return
        shown = found.head(ROWS_SHOWN)
        more = f"<p>{len(found) - len(shown)} more rows; narrow the choice.</p>" if len(found) > len(shown) else ""
        columns = [c for c in _SHOWN if c in shown]
        self.table.value = shown[columns].to_html(border=0) + more if len(shown) else "Nothing fits."
        self.row.options = [("choose a row to open", ""), *((f"{i}", key) for i, key in enumerate(_ids(shown)))]

    def _open(self) -> None:
        if not self.row.value:
            return
        product = self._obs.product(self.row.value)
        self.dataset = self._obs.open_product(product)
        keys = ", ".join(f"{k}={v!r}" for k, v in product.ref.data_id.items() if k != "instrument")
        name, level = product.ref.type.name, str(product.ref.type.level)
        self.line.value = f"<code>ds = obs.open({name!r}, level={level!r}, {keys})</code>"


def _ids(found: Any) -> list[str]:
    return [str(key) for key in found.get("id", found.index)]
