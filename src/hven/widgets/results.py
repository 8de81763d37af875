"""Products to choose from, and the one that was opened."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.model.collection import owner_of
from hven.model.product import Product
from hven.observatory import Observatory
from hven.widgets.look import LABEL, problem, show


class Results:
    """Choose a product and open it: the line of code that does so, and the dataset.

    Parameters
    ----------
    obs
        Observatory.
    """

    def __init__(self, obs: Observatory) -> None:
        self._obs = obs
        self._products: dict[str, Product] = {}
        self.dataset: Any = None
        self.choice = iw.Dropdown(description="Product", style=LABEL, layout=iw.Layout(width="720px"))
        self.open = iw.Button(description="Open result", icon="folder-open", button_style="success")
        self.line = iw.HTML()
        self.output = iw.Output()
        self.open.on_click(self._on_open)
        self.box = iw.VBox([iw.HBox([self.choice, self.open]), self.line, self.output])
        self.offer([])

    def offer(self, products: Sequence[Product]) -> None:
        """Show other products; the last is chosen. Nothing is shown where there are none."""
        self._products = {product.id: product for product in products}
        self.choice.options = [(_name(product), product.id) for product in products]
        if products:
            self.choice.value = products[-1].id
        show(self.box, visible=bool(products))

    def _on_open(self, _button: iw.Button) -> None:
        product = self._products[self.choice.value]
        try:
            self.dataset = self._obs.open_product(product)
        except HvenError as error:
            self.line.value = problem(error)
            return
        self.line.value = f"<code>ds = {escape(opening_line(product))}</code>"
        self.output.outputs = ()
        self.output.append_display_data(self.dataset)


def opening_line(product: Product) -> str:
    """Line of Python that opens a product: a shared one as the newest of its data ID, one's own from its run."""
    own = f", collection={product.run!r}" if owner_of(product.run) else ""
    keys = ", ".join(f"{k}={v!r}" for k, v in product.ref.data_id.items() if k != "instrument")
    return f"obs.open({product.ref.type.name!r}, level={str(product.ref.type.level)!r}, {keys}{own})"


def _name(product: Product) -> str:
    keys = (f"{k} {v}" if isinstance(v, int) else str(v) for k, v in product.ref.data_id.items() if k != "instrument")
    return " · ".join((str(product.ref.type), *keys))
