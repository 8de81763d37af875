"""The frames of one detector: map, waterfall, light curves and player, linked with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import xarray as xr
from bokeh.events import RangesUpdate

from hven.core.errors import DatasetNotFoundError
from hven.model.data_id import Level
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import event_marks, formats, markup, placed, queries, theme
from hven.views.figures.images import pixel_map
from hven.views.figures.series import light_curves, waterfall, waterfall_data
from hven.views.frame import section
from hven.views.take import Take, plotted

VARIABLE = {Level.L0: "images", Level.L1: "signal"}
"""What the frames of a level hold."""
CALLED = {Level.L0: "as recorded", Level.L1: "calibrated"}
SHOWN_PIXELS = 3
FROM_FRAMES = {"mean of frames": "mean", "smallest": "min", "largest": "max"}
FRAMES = "frames"
RATE, EXPOSURE = "rate", "integration_time_s"
FROM_CELLS = {"pedestal": "pedestal", "noise": "noise", "excess variance": "excess_variance"}
FROM_SIGNAL = {"pixel mask": "pixel_mask", "gain": "gain"}


class Frames:
    """Views of the frames of one detector at a level that know of each other.

    Parameters
    ----------
    observatory
        Where the data are.
    found
        Products of the observation and detector.
    what
        Kind of frames, e.g. ``ph1024``.
    detector
        Number of the detector.
    level
        L0 shows frames as recorded, L1 calibrated ones.
    source
        Address of the provenance records.
    """

    def __init__(
        self, observatory: Observatory, found: pd.DataFrame, what: str, detector: int, *, level: Level, source: str
    ) -> None:
        self._observatory, self._source, self._level = observatory, source, level
        self.variable = VARIABLE[level]
        self._products = {
            key: queries.pick(found, of_level, name, detector)
            for key, of_level, name in (
                (FRAMES, level, what), ("cells", Level.L1, f"{what}.pedestals"), ("signal", Level.L1, what)
            )
        }  # fmt: skip
        self.product = self._need(FRAMES)
        frames = queries.read(observatory, self.product)
        self._single = placed.single(frames)
        self._exposure_s = frames.attrs.get(EXPOSURE) if level is Level.L0 else None
        self._whole = queries.look(observatory, self.product, self.variable)
        self.cells = self._whole
        self.units = formats.unit(str(self.cells["mean"].attrs.get("units", "")))
        self.pixels = queries.brightest(self.cells, SHOWN_PIXELS)
        self._held = what.startswith("ph")
        self._events = event_marks.events_of(observatory, found, what, detector)
        self._not_all = event_marks.not_all(found, what, detector)
        self._waterfall = waterfall(self.cells, units=self.units, held=self._held)
        self._waterfall.on_event(RangesUpdate, self._zoomed)
        self._curves = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._map = pn.pane.Bokeh(margin=0)
        self._image: xr.DataArray | None = None
        self._map_take = Take(self._pixels, self._map, file=queries.file_stem(self.product, "map"), source=source)
        self._note = markup.html("", margin=(0, 0, theme.SPACE, 0))

    def panel(self) -> pn.Column:
        """Map on the left, everything against time on the right."""
        choice = pn.ui.Select(label="Map of", options=self._statistics(), width=200, size="small", margin=(0, 0, 8, 0))
        choice.param.watch(lambda event: self._draw_map(event.new), "value")
        self._draw_map(choice.value)
        self._draw_curves()
        left = pn.Column(choice, self._map, self._map_take, width=456, margin=(0, 2 * theme.SPACE, 0, 0))
        against_time = pn.pane.Bokeh(self._waterfall, sizing_mode="stretch_width", margin=0)
        right = pn.Column(
            self._plotted(against_time, self._waterfall_table, "waterfall"),
            self._plotted(self._curves, self._curve_table, "light-curves"),
            sizing_mode="stretch_width", min_width=320, margin=0,
        )  # fmt: skip
        both = pn.FlexBox(left, right, flex_wrap="wrap", sizing_mode="stretch_width")
        both.styles = {"align-items": "flex-start"}
        right.styles = {"flex": "1 1 480px"}
        self._tell()
        return section("Frames", self._note, both, note=f"{self.product.ref.type}, {CALLED[self._level]}")

    def _plotted(self, pane: pn.pane.Bokeh, table: Callable[[], pd.DataFrame], what: str) -> pn.Column:
        line = queries.looking(self.product, self.variable, single=self._single)
        return plotted(pane, table, file=queries.file_stem(self.product, what), line=line, source=self._source)

    def _tell(self) -> None:
        count = self.cells.attrs["rows_per_point"]
        stands = "is one frame" if count == 1 else f"stands for {count:,} frames; zoom for more"
        text = f"Every point {stands}.{self._looked_at(self.cells)}{self._not_all}"
        markup.change(self._note, f"<p class='quiet'>{text}</p>")

    @staticmethod
    def _looked_at(cells: xr.Dataset) -> str:
        """How many frames of one quadrant were read, where these are not all."""
        rows, read = (cells.attrs.get(name, 0) for name in ("rows", "rows_read"))
        return f" {read:,} of {rows:,} frames, evenly spread, are looked at." if read < rows else ""

    def _need(self, key: str) -> Product:
        product = self._products[key]
        if product is None:
            raise DatasetNotFoundError(f"there are no {key}", hint="`hven explain` says why.")
        return product

    def _statistics(self) -> dict[str, str]:
        options = {name: f"{FRAMES}.{v}" for name, v in FROM_FRAMES.items()}
        if self._exposure_s:
            options[RATE] = f"{FRAMES}.{RATE}"
        if self._products["cells"] is not None:
            options |= {name: f"cells.{v}" for name, v in FROM_CELLS.items()}
        if self._products["signal"] is not None:
            options |= {name: f"signal.{v}" for name, v in FROM_SIGNAL.items()}
        return options

    def _draw_map(self, choice: str) -> None:
        key, _, variable = choice.partition(".")
        product = self._need(key)
        image = self._read_map(key, variable)
        units = formats.unit(str(image.attrs.get("units", self.units if key == FRAMES else "")))
        name = next(n for n, v in self._statistics().items() if v == choice)
        whole = self._looked_at(self._whole) if key == FRAMES else ""
        plot = pixel_map(image, title=f"{name}, {'part of the' if whole else 'whole'} observation", units=units)
        source = plot.select_one({"name": "pixels"})
        source.selected.on_change("indices", lambda _a, _o, new: self._choose(new, image.sizes["x"]))
        self._image, self._map.object = image, plot
        self._map_take.show(self._map_line(product, key, variable))

    def _map_line(self, product: Product, key: str, variable: str) -> str:
        if variable == RATE:
            return f'{queries.opening(product)}\nds["{self.variable}"].mean("time") / ds.attrs["{EXPOSURE}"]'
        if key == FRAMES and self._single:
            return f'{queries.looking(product, self.variable, single=True)}\nplaced.overall(look, "{variable}")'
        shown = f'ds["{self.variable}"].{variable}("time")' if key == FRAMES else f'ds["{variable}"]'
        return f"{queries.opening(product)}\n{shown}"

    def _read_map(self, key: str, variable: str) -> xr.DataArray:
        if variable == RATE and self._exposure_s:
            rate: xr.DataArray = placed.overall(self._whole, "mean") / float(self._exposure_s)
            return rate.assign_attrs(units="count / s")
        if key == FRAMES:
            return placed.overall(self._whole, variable)
        array = queries.read(self._observatory, self._need(key))[variable].load()
        return array.median("cell", keep_attrs=True) if "cell" in array.dims else array

    def _pixels(self) -> pd.DataFrame:
        return pixel_table(self._image) if self._image is not None else pd.DataFrame()

    def _waterfall_table(self) -> pd.DataFrame:
        """A row for each cell in time, a column for each pixel."""
        cells = self.cells["mean"]
        values = cells.to_numpy().reshape(cells.sizes["time"], -1)
        names = [f"y{y}_x{x}" for y in range(cells.sizes["y"]) for x in range(cells.sizes["x"])]
        table = pd.DataFrame(values, columns=names)
        table.insert(0, "time", self.cells["time"].to_numpy())
        return table

    def _curve_table(self) -> pd.DataFrame:
        """A row for each cell in time and pixel."""
        parts = [self.cells[["mean", "min", "max"]].isel(y=y, x=x).to_dataframe().reset_index().assign(y=y, x=x)
                 for y, x in self.pixels]  # fmt: skip
        return pd.concat(parts, ignore_index=True)[["time", "y", "x", "mean", "min", "max"]]

    def _choose(self, indices: list[int], width: int) -> None:
        if indices:
            self.pixels = [divmod(int(i), width) for i in indices][: len(theme.SERIES)]
            self._draw_curves()

    def _draw_curves(self) -> None:
        begin, end = self.cells["time"].to_numpy()[[0, -1]]
        self._curves.object = light_curves(
            self.cells, self.pixels, units=self.units, x_range=self._waterfall.x_range,
            events=event_marks.marked(self._events, self.pixels, begin, end),
        )  # fmt: skip

    def _zoomed(self, event: Any) -> None:
        begin, end = int(event.x0 * 1e6), int(event.x1 * 1e6)
        cells = queries.look(self._observatory, self.product, self.variable, begin, end)
        if cells.sizes["time"] > 1:
            self.cells = cells
            self._tell()
            self._waterfall.select_one({"name": "waterfall"}).data = waterfall_data(cells, held=self._held)
            self._draw_curves()

    def player(self) -> pn.Column:
        """Step through the frames one by one."""
        product = self.product
        player = pn.ui.Player(start=0, end=max(product.rows - 1, 0), value=0, interval=200, show_loop_controls=False,
                              width=420, margin=0)  # fmt: skip
        picture = pn.pane.Bokeh(margin=0)
        shown: dict[str, xr.DataArray] = {}
        take = Take(lambda: pixel_table(shown["frame"]), picture, file=queries.file_stem(product, "frame"),
                    source=self._source)  # fmt: skip

        def step(index: int | None) -> None:
            shown["frame"] = queries.frame(self._observatory, product, self.variable, index or 0)
            picture.object = _frame(shown["frame"], index or 0)
            take.show(self._frame_line(index or 0))

        step(0)
        player.param.watch(lambda event: step(event.new), "value_throttled")
        return section("Player", pn.Column(player, picture, take, margin=0), note=f"frame by frame, {product.ref.type}")

    def _frame_line(self, index: int) -> str:
        line = queries.opening(self.product, every_row=True)
        if self._single:
            return (
                f"{line}\nfrom hven.views import placed\nplaced.place(ds.isel(time=[{index}]))[0].plot(yincrease=False)"
            )
        return f'{line}\nds["{self.variable}"].isel(time={index}).plot(yincrease=False)'


def _frame(image: xr.DataArray, index: int) -> Any:
    time = int(np.asarray(image["time"]).astype("datetime64[ns]").astype("int64"))
    units = formats.unit(str(image.attrs.get("units", "")))
    return pixel_map(image, title=f"frame {index}, {formats.utc(time)}", units=units)


def pixel_table(image: xr.DataArray) -> pd.DataFrame:
    """A row for each pixel: y, x, value.

    Examples
    --------
    >>> pixel_table(xr.DataArray([[1.0, 2.0]], dims=("y", "x"))).to_dict("list")
    {'y': [0, 0], 'x': [0, 1], 'value': [1.0, 2.0]}
    """
    y, x = np.indices(image.shape)
    return pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "value": image.to_numpy().ravel()})
