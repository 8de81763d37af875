"""The widget that browses products."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.model.data_id import DataId
from hven.observatory import Observatory
from hven.views.formats import size
from hven.widgets.data_query import DataQueryFields
from hven.widgets.look import LABEL, problem
from hven.widgets.results import Results

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 50
_SHOWN = ("day_obs", "observation", "detector", "begin", "end", "rows", "size", "flags")
_EMPTY = HvenError("There are no products yet.", hint="`hven ingest FOLDER` takes raw files in; then run this again.")


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
        browser            # choose a product, press Open, then
        browser.dataset    # it is here
    """

    def __init__(self, obs: Observatory) -> None:
        self._obs = obs
        products = obs.query()
        self._data_ids: dict[str, set[DataId]] = {}
        for product in products:
            self._data_ids.setdefault(str(product.ref.type), set()).add(product.ref.data_id)
        types = sorted(self._data_ids)
        wide = iw.Layout(width="420px")
        self.type = iw.Dropdown(options=types, description="Type", style=LABEL, layout=wide)
        self.query = DataQueryFields(self._of_type(), self.refresh)
        self.table = iw.HTML(layout=iw.Layout(overflow="auto"))
        self.results = Results(obs)
        self.results.open.description = "Open"
        self.type.observe(self._on_type, names="value")
        self.refresh()
        super().__init__([self.type, self.query.box, self.table, self.results.box])

    @property
    def dataset(self) -> Any:
        """What was opened last, or None."""
        return self.results.dataset

    def refresh(self) -> None:
        """Look again."""
        try:
            found = self._find()
        except HvenError as error:
            self.table.value = problem(error)
            self.results.offer([])
            return
        shown = found.head(ROWS_SHOWN)
        more = f"<p>{len(found) - len(shown)} more; narrow the choice.</p>" if len(found) > len(shown) else ""
        self.table.value = _html(shown) + more if len(shown) else "Nothing fits this choice."
        self.results.offer([self._obs.product(i) for i in shown["id"]])

    def _find(self) -> pd.DataFrame:
        if not self.type.value:
            raise _EMPTY
        level, _, name = self.type.value.partition("/")
        return self._obs.find(name, level=level, **self.query.values)

    def _of_type(self) -> list[DataId]:
        return sorted(self._data_ids.get(self.type.value, ()))

    def _on_type(self, _change: object) -> None:
        self.query.offer(self._of_type())
        self.refresh()


def _html(found: pd.DataFrame) -> str:
    shown = found[[c for c in _SHOWN if c in found]].copy()
    for name in ("begin", "end"):
        shown[name] = shown[name].dt.strftime("%Y-%m-%d %H:%M:%S")
    shown["size"] = [size(value) for value in shown["size"]]
    titles = {"begin": "begin (UTC)", "end": "end (UTC)"}
    head = _row("th", shown.rename(columns=titles).columns)
    body = "".join(_row("td", row) for row in shown.itertuples(index=False))
    return f"<table style='border-collapse:collapse;line-height:1.5'>{head}{body}</table>"


def _row(kind: str, values: Iterable[object]) -> str:
    style = "text-align:left;padding:2px 16px 2px 0;border-bottom:1px solid var(--jp-border-color2)"
    return f"<tr>{''.join(f"<{kind} style='{style}'>{escape(str(value))}</{kind}>" for value in values)}</tr>"
