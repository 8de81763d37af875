"""From picture to data in one step: a row below each plot gives picture, numbers, notebook lines and provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import param

from hven.views import formats, theme

SETUP = "import hven\nobs = hven.connect()\n"


class Take(pn.custom.JSComponent):
    """Row below a plot with which people take along what it shows.

    Parameters
    ----------
    table
        Makes the numbers that are shown; called when somebody asks for them.
    plot
        Pane of the plot; None where the numbers are a table of the page.
    file
        Name of the files, without suffix.
    line
        Lines of Python that give the data in a notebook where `obs` is connected.
    source
        Address of the provenance record; empty for what comes of many products.
    """

    file = param.String()
    line = param.String()
    source = param.String()
    picture = param.Boolean()

    _esm = """
    const CSS = `STYLE`
    const part = (tag, text, more = {}) => Object.assign(document.createElement(tag), {textContent: text, ...more})
    const save = (blob, name) => {
      const link = part('a', '', {href: URL.createObjectURL(blob), download: name})
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 10000)
    }
    export function render({model, el}) {
      const row = part('div', '', {className: 'take'})
      const button = (text, title, act) => row.append(part('button', text, {title, type: 'button', onclick: act}))
      if (model.picture) button('PNG', 'Download this picture', () => model.send_msg('png'))
      button('CSV', 'Download the numbers that are shown', () => model.send_msg('csv'))
      const lines = part('pre', model.line), fold = part('div', '', {hidden: true})
      const copy = part('button', 'Copy', {type: 'button', onclick: async () => {
        await navigator.clipboard.writeText(lines.textContent)
        copy.textContent = 'Copied'
        setTimeout(() => { copy.textContent = 'Copy' }, 2000)
      }})
      fold.append(lines, copy)
      const open = part('button', 'Open in notebook', {type: 'button', title: 'Python that opens what is shown'})
      open.setAttribute('aria-expanded', false)
      open.onclick = () => { fold.hidden = !fold.hidden; open.setAttribute('aria-expanded', !fold.hidden) }
      if (model.line) row.append(open)
      if (model.source) row.append(part('a', 'Provenance', {href: model.source, title: 'How it came to be'}))
      model.on('line', () => { lines.textContent = model.line })
      model.on('msg:custom', async (sent) => {
        const {figure, csv} = sent.data ?? sent
        if (csv !== undefined) return save(new Blob([csv], {type: 'text/csv'}), `${model.file}.csv`)
        const view = Bokeh.index.find_one_by_id(figure)
        if (view) save(await view.export().to_blob(), `${model.file}.png`)
      })
      el.replaceChildren(part('style', CSS), row, fold)
    }""".replace("STYLE", theme.TAKE)

    def __init__(
        self, table: Callable[[], pd.DataFrame], plot: pn.pane.Bokeh | None = None, *, file: str, line: str = "",
        source: str = "",
    ) -> None:  # fmt: skip
        self._table, self._plot = table, plot
        super().__init__(
            file=formats.file_name(file), line=SETUP + line if line else "", source=source,
            picture=plot is not None, sizing_mode="stretch_width", margin=(0, 0, theme.SPACE, 0),
        )  # fmt: skip

    def show(self, line: str) -> None:
        """Change the lines, when the plot shows something else."""
        self.line = SETUP + line

    def csv(self) -> str:
        """Numbers that are shown, below the lines that open them."""
        head = "".join(f"# {text}\n" for text in self.line.splitlines())
        return head + self._table().to_csv(index=False)

    def _handle_msg(self, data: Any) -> None:
        if data == "csv":
            self._send_msg({"csv": self.csv()})
        elif data == "png" and self._plot is not None:
            self._send_msg({"figure": self._plot.object.id})


def plotted(pane: pn.pane.Bokeh, table: Callable[[], pd.DataFrame], **take: Any) -> pn.Column:
    """Put the row of `Take` below a plot."""
    return pn.Column(pane, Take(table, pane, **take), sizing_mode="stretch_width", margin=0)
