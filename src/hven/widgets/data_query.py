"""Fields that choose data: observing day, observation, detector and a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as iw

from hven.model.data_id import DataId
from hven.widgets.look import LABEL

ALL = "all"
KEYS = ("day_obs", "observation", "detector")
_WIDTHS = {"day_obs": "220px", "observation": "420px", "detector": "200px"}


class DataQueryFields:
    """Choosers of data ID values, filled from the data IDs there are, and a condition.

    Parameters
    ----------
    data_ids
        Data IDs to choose from.
    changed
        Called after every change.
    """

    def __init__(self, data_ids: list[DataId], changed: Callable[[], None]) -> None:
        self._data_ids = data_ids
        self._changed = changed
        self._filling = False
        self.choosers = {
            key: iw.Dropdown(description=key, style=LABEL, layout=iw.Layout(width=_WIDTHS[key])) for key in KEYS
        }
        self.where = iw.Text(
            description="where",
            placeholder="e.g. detector in (1, 3) and begin > '2025-10-22', then Enter",
            continuous_update=False,
            style=LABEL,
            layout=iw.Layout(width="648px"),
        )
        self._fill()
        for widget in (*self.choosers.values(), self.where):
            widget.observe(self._on_change, names="value")

    @property
    def values(self) -> dict[str, Any]:
        """Chosen values, as keywords of `Observatory.find` and its kin."""
        chosen = {key: w.value for key, w in self.choosers.items() if w.value != ALL}
        return {**chosen, **({"where": self.where.value.strip()} if self.where.value.strip() else {})}

    @property
    def box(self) -> iw.Widget:
        """All fields."""
        row = iw.HBox(list(self.choosers.values()), layout=iw.Layout(flex_flow="row wrap"))
        return iw.VBox([row, self.where])

    def choose(self, **values: object) -> None:
        """Set several fields at once."""
        for key, value in values.items():
            (self.where if key == "where" else self.choosers[key]).value = value

    def offer(self, data_ids: list[DataId]) -> None:
        """Choose from other data IDs; what is chosen stays where it still exists."""
        self._data_ids = data_ids
        self._fill()

    def _on_change(self, _change: object) -> None:
        if self._filling:
            return
        self._fill()
        self._changed()

    def _fill(self) -> None:
        """Offer, for each key, the values that go with what is chosen for the keys before it."""
        self._filling = True
        left = self._data_ids
        for key, widget in self.choosers.items():
            chosen = widget.value
            found = sorted({d[key] for d in left if key in d}, reverse=key == "day_obs")
            widget.options = [ALL, *found]
            widget.value = chosen if chosen in widget.options else ALL
            left = [d for d in left if widget.value in (ALL, d.get(key))]
        self._filling = False
