"""Events of one detector: a table, a scatter plot, and the camera image of the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import xarray as xr

from hven.model.product import Product
from hven.observatory import Observatory
from hven.tasks.showers.queries import kept_pixels
from hven.views import formats, markup, queries, theme
from hven.views.event_marks import RANK
from hven.views.figures.images import event_image
from hven.views.figures.spectra import event_scatter
from hven.views.frame import section
from hven.views.frames import pixel_table
from hven.views.take import Take, plotted

SHOWN = 5000
PAGE = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of event is listed: columns, axes of the scatter plot, and the number by which they are ranked."""

    columns: tuple[str, ...]
    x: tuple[str, str]
    y: tuple[str, str]
    rank: str


KINDS = {
    "showers": Kind(
        ("time", "size", "length", "width", "psi", "n_pixels", "leakage", "frame"),
        ("size", "size (adu)"), ("length", "length (deg)"), RANK["showers"],
    ),
    "pulses": Kind(
        ("time", "nsigma", "amplitude", "duration", "y", "x", "frame"),
        ("duration", "duration (s)"), ("nsigma", "significance"), RANK["pulses"],
    ),
}  # fmt: skip


class Events:
    """Table and scatter plot of a product's events; choosing one shows its image.

    Parameters
    ----------
    observatory
        Where the data are.
    product
        Table of the events.
    frames
        L1 frames in which they were found.
    kind
        ``showers`` or ``pulses``.
    source
        Address of the provenance record.
    """

    def __init__(self, observatory: Observatory, product: Product, frames: Product, kind: str, source: str) -> None:
        self._observatory = observatory
        self._product = product
        self._frames = frames
        self._kind = KINDS[kind]
        self._name = kind
        table = queries.read_table(observatory, product)
        ranked = table.sort_values(self._kind.rank, ascending=False, ignore_index=True)
        self.events = ranked.head(SHOWN)
        self._total = len(table)
        units = queries.read(observatory, product)
        self._units = {c: str(units[c].attrs.get("units", "1")) for c in self._kind.columns[1:]}
        self._picture = pn.pane.Bokeh(margin=0)
        self._about = markup.html("")
        self._shown: tuple[dict[Any, Any], xr.DataArray] | None = None
        self._take = Take(self._pixels, self._picture, file=queries.file_stem(frames, kind[:-1]), source=source)
        self._source = source

    def panel(self) -> Any:
        """Image, scatter plot and table, linked."""
        if not len(self.events):
            return markup.html(markup.empty(f"No {self._name}", "The search ran and found none in this observation."))
        plot = event_scatter(self.events, self._kind.x[0], self._kind.y[0], labels=(self._kind.x[1], self._kind.y[1]),
                             height=430)  # fmt: skip
        source = plot.select_one({"name": "events"})
        table = self._table()
        source.selected.on_change("indices", lambda _a, _o, new: self.show(new[0]) if new else None)
        table.param.watch(lambda event: self.show(event.new[0]) if event.new else None, "selection")
        self.show(0)
        image = pn.Column(self._picture, self._take, self._about, width=460, margin=(0, 2 * theme.SPACE, 0, 0))
        drawn = plotted(pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0), lambda: self.events,
                        file=queries.file_stem(self._product), line=queries.opening(self._product),
                        source=self._source)  # fmt: skip
        drawn.styles, drawn.min_width = {"flex": "1 1 420px"}, 300
        both = pn.FlexBox(image, drawn, sizing_mode="stretch_width")
        more = f"the first {SHOWN:,} of {self._total:,}" if self._total > SHOWN else f"{self._total:,}"
        note = f"{more}, by {self._kind.rank}; choose one in the table or the plot"
        return section(self._name.capitalize(), both, table, note=note)

    def show(self, number: int) -> None:
        """Show the image of an event."""
        event = self.events.iloc[number].to_dict()
        frame = queries.frame(self._observatory, self._frames, "signal", int(event["frame"]))
        self._shown = event, frame
        title = f"{self._name[:-1]} at {formats.utc(pd.Timestamp(event['time']).as_unit('ns').value)}"
        shower = in_pixels(event, frame.shape, self._scale()) if self._name == "showers" else None
        kept = self._kept(event) if shower else None
        units = str(frame.attrs.get("units", ""))
        facts = {formats.words(c): formats.quantity(float(event[c]), self._units[c]) for c in self._kind.columns[1:]}
        self._picture.object = event_image(frame, title=title, units=units, shower=shower, kept=kept)
        self._about.object = (_key(kept) if shower else "") + markup.facts(facts, plain=True)
        line = queries.opening(self._frames, every_row=True)
        self._take.show(f'{line}\nds["signal"].isel(time={int(event["frame"])}).plot(yincrease=False)')

    def _kept(self, event: Mapping[Any, Any]) -> np.ndarray[Any, Any] | None:
        """Pixels that the cleaning kept; None when the frames are no longer those in which the shower was found."""
        frames = queries.read(self._observatory, self._frames)
        config = queries.read(self._observatory, self._product).hven.provenance.config
        kept = kept_pixels(frames, int(event["frame"]), config)
        return kept if kept.sum() == event["n_pixels"] else None

    def _pixels(self) -> pd.DataFrame:
        """Values of the image that is shown, one row for each pixel."""
        event, frame = self._shown or ({}, xr.DataArray())
        kept = self._kept(event) if self._name == "showers" else None
        table = pixel_table(frame)
        return table if kept is None else table.assign(kept=kept.ravel())

    def _scale(self) -> float:
        return float(queries.read(self._observatory, self._product).attrs["pixel_deg"])

    def _table(self) -> pn.widgets.Tabulator:
        shown = self.events[list(self._kind.columns)].copy()
        shown["time"] = pd.to_datetime(shown["time"]).dt.strftime("%Y-%m-%d %H:%M:%S.%f").str[:-3]
        for column in self._kind.columns[1:]:
            shown[column] = shown[column].map(lambda value: formats.number(float(value)))
        return pn.widgets.Tabulator(
            shown, show_index=False, disabled=True, selectable=1, pagination="local", page_size=PAGE,
            sizing_mode="stretch_width", titles={c: self._title(c) for c in shown.columns}, layout="fit_columns",
            text_align=dict.fromkeys(shown.columns[1:], "right"), stylesheets=[theme.LISTED],
            margin=(theme.SPACE, 0),
        )  # fmt: skip

    def _title(self, column: str) -> str:
        if column == "time":
            return "time (UTC)"
        unit = formats.unit(self._units[column])
        return f"{formats.words(column)} ({unit})" if unit else formats.words(column)


def _key(kept: np.ndarray[Any, Any] | None) -> str:
    """What the lines in the image are."""
    lines = {theme.VERMILION: "Hillas ellipse, one standard deviation along each axis"}
    if kept is None:
        return markup.key(lines) + "<p class='quiet'>The frames have been calibrated anew since; no outline.</p>"
    return markup.key({theme.CONTOUR: f"outline of the {int(kept.sum())} pixels that the cleaning kept", **lines})


def in_pixels(event: Mapping[Any, Any], shape: tuple[int, ...], pixel_deg: float) -> dict[str, float]:
    """Hillas ellipse of an event in pixels instead of degrees from the camera's centre.

    Examples
    --------
    >>> event = {"cog_x": 0.0, "cog_y": 0.3125, "length": 0.625, "width": 0.3125, "psi": 0.0}
    >>> in_pixels(event, (32, 32), 0.3125)
    {'cog_x': 15.5, 'cog_y': 16.5, 'length': 2.0, 'width': 1.0, 'psi': 0.0}
    """
    centre_y, centre_x = (np.array(shape[-2:]) - 1) / 2
    return {
        "cog_x": float(event["cog_x"] / pixel_deg + centre_x),
        "cog_y": float(event["cog_y"] / pixel_deg + centre_y),
        "length": float(event["length"] / pixel_deg),
        "width": float(event["width"] / pixel_deg),
        "psi": float(event["psi"]),
    }
