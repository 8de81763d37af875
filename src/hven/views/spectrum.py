"""Tab with the spectrum of an observation: power against frequency of images, number against size of pulse heights."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import xarray as xr

from hven.model.data_id import Level
from hven.model.product import Product
from hven.observatory import Observatory
from hven.views import formats, markup, power_density, queries, size_spectrum
from hven.views.figures.spectra import power_against_frequency, sizes
from hven.views.frame import section
from hven.views.take import plotted

CALIBRATED = 131_072
"""So many frames are looked at, where each has its mean on the disk."""
RAW = 4_096
"""So many where the pixels are read."""
EVENTS = 1_000_000
"""A spectrum of sizes takes at most so many events."""
_CALIBRATE = "hven submit panoseti/calibrate --shared"


def spectrum(observatory: Observatory, frames: Product, found: pd.DataFrame, source: str) -> Any:
    """Power spectrum of frames at a steady rate, size spectrum of those that were triggered.

    Parameters
    ----------
    frames
        The frames that are shown, raw or calibrated.
    found
        Products of the observation.
    source
        Address of the provenance records.
    """
    if frames.ref.type.name.partition(".")[2].startswith("img"):
        return _power(observatory, frames, source)
    return _sizes(observatory, frames, found, source)


def _power(observatory: Observatory, product: Product, source: str) -> Any:
    calibrated = product.ref.type.level == Level.L1
    looked = min(product.rows, CALIBRATED if calibrated else RAW)
    frames = queries.read(observatory, product).isel(time=slice(0, looked))
    series = frames["frame_mean"].load() if calibrated else power_density.camera_mean(frames)
    density = power_density.power_density(series)
    if not len(density):
        return _too_short(density, looked)
    units = formats.unit(str(series.attrs.get("units", "count")))
    line = power_density.strongest_line(density)
    pane = pn.pane.Bokeh(power_against_frequency(density, units=units, line=line), sizing_mode="stretch_width")
    shown = plotted(pane, lambda: density, file=queries.file_stem(product, "power-spectrum"),
                    line=_power_lines(product, looked, calibrated=calibrated), source=source)  # fmt: skip
    about = markup.html(_about_power(density, product, looked, line))
    return section("Power spectrum of the camera's mean", about, shown, note=str(product.ref.type))


def _too_short(density: pd.DataFrame, looked: int) -> Any:
    frames = density.attrs["frames"]
    text = (f"Among the first {looked:,} frames at most {frames:,} follow each other at even steps without a gap; "
            f"a power spectrum needs {power_density.LEAST}.")  # fmt: skip
    return markup.html(markup.empty("No evenly spaced frames", text))


def _about_power(density: pd.DataFrame, product: Product, looked: int, line: tuple[float, float] | None) -> str:
    told, frequency = density.attrs, density["frequency"]
    values = "mean signal" if product.ref.type.level == Level.L1 else "mean recorded value, each pixel less its mean,"
    found = f"The strongest line is at {formats.number(line[0], 4)} Hz." if line else "No line is above chance."
    return (
        f"<p class='quiet'>Camera's {values} per frame: the longest run without a gap among the first {looked:,} of"
        f" {product.rows:,} frames, which has {told['frames']:,} ({formats.duration(told['seconds'])}). Welch's method:"
        f" Hann window, segments of {told['frames_of_segment']:,} frames, so points are"
        f" {formats.number(frequency.iloc[0])} Hz apart. {found} What is faster than"
        f" {formats.number(frequency.iloc[-1], 4)} Hz appears at lower frequencies.</p>"
    )


def _power_lines(product: Product, looked: int, *, calibrated: bool) -> str:
    frames = f"frames = ds.isel(time=slice(0, {looked}))"
    series = 'frames["frame_mean"].load()' if calibrated else "power_density.camera_mean(frames)"
    return (
        f"{queries.opening(product, every_row=True)}\nfrom hven.views import power_density\n{frames}\n"
        f"density = power_density.power_density({series})\n"
        'density.plot(x="frequency", y="density", loglog=True)'
    )


def _sizes(observatory: Observatory, frames: Product, found: pd.DataFrame, source: str) -> Any:
    detector, what = int(frames.ref.data_id["detector"]), frames.ref.type.name.partition(".")[2]
    showers = queries.pick(found, Level.L2, "showers", detector)
    product = showers or queries.pick(found, Level.L1, what, detector)
    if product is None:
        text = "Sizes are sums of the signal above the pedestal, and no frames of this detector are calibrated."
        return markup.html(markup.empty("No sizes yet", text, _CALIBRATE))
    events = queries.read(observatory, product)
    events = events.isel({next(iter(events["time"].dims)): slice(0, EVENTS)})
    values = events["size"].to_numpy() if showers else size_spectrum.camera_sums(events)
    counted = size_spectrum.counted(values)
    if not len(counted):
        return markup.html(markup.empty("No events", f"{product.ref.type} holds no event of positive size."))
    pane = pn.pane.Bokeh(sizes(counted, units=_units(events, "size" if showers else "signal")),
                         sizing_mode="stretch_width")  # fmt: skip
    shown = plotted(pane, lambda: counted, file=queries.file_stem(product, "size-spectrum"),
                    line=_size_lines(product, cleaned=bool(showers)), source=source)  # fmt: skip
    return section("Size spectrum", markup.html(_about_sizes(counted, product, cleaned=bool(showers))), shown,
                   note=str(product.ref.type))  # fmt: skip


def _units(events: xr.Dataset, name: str) -> str:
    return formats.unit(str(events[name].attrs.get("units", "")))


def _about_sizes(counted: pd.DataFrame, product: Product, *, cleaned: bool) -> str:
    what = ("Size of shower images: the sum of the signal of the pixels that cleaning leaves." if cleaned else
            "Sum of the signal above the pedestal over all unmasked pixels of each frame, noise included; shower "
            "images are cleaned by <code>hven submit panoseti/showers --shared</code>.")  # fmt: skip
    lost = counted.attrs["left_out"]
    left = f" {lost:,} that are not positive are left out." if lost else ""
    return (
        f"<p class='quiet'>{what} {counted['events'].sum():,} of {product.rows:,} events, in"
        f" {size_spectrum.PER_DECADE} bins a decade with Poisson errors.{left}</p>"
    )


def _size_lines(product: Product, *, cleaned: bool) -> str:
    dim = "event" if cleaned else "time"
    sizes_of = 'events["size"].values' if cleaned else "size_spectrum.camera_sums(events)"
    return (
        f"{queries.opening(product, every_row=True)}\nfrom hven.views import size_spectrum\n"
        f"events = ds.isel({dim}=slice(0, {min(product.rows, EVENTS)}))\n"
        f"counted = size_spectrum.counted({sizes_of})\n"
        'counted.plot(x="low", y="density", yerr="error", loglog=True, drawstyle="steps-post")'
    )
