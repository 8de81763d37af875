"""One simulated run: its directory and its truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hven.core.clock import NS, format_utc
from hven.instruments.panoseti.names import RunName
from hven.instruments.panoseti.products import PRODUCTS
from hven.instruments.panoseti.simulator.camera import camera
from hven.instruments.panoseti.simulator.configurations import Mode, configurations
from hven.instruments.panoseti.simulator.events import Events
from hven.instruments.panoseti.simulator.faults import NO_FAULTS, Faults
from hven.instruments.panoseti.simulator.housekeeping import readings
from hven.instruments.panoseti.simulator.movie import Cell, Movie, movie_truth, random_pulses
from hven.instruments.panoseti.simulator.site import PALOMAR, Telescope, point
from hven.instruments.panoseti.simulator.stars import SIDE
from hven.instruments.panoseti.writer import MEGABYTE, FrameWriter, begin_run, end_run, write_housekeeping

Truth = dict[str, pd.DataFrame]
"""Tables by name: pixels, pulses, events, faults."""


@dataclass(frozen=True, slots=True)
class Run:
    """What to observe in one run.

    Parameters
    ----------
    name, run_type
        As in the run directory's name.
    start_ns
        Begin, UTC, whole seconds.
    target
        Right ascension and declination (degrees) in the middle of the field at the begin.
    movie_s, movie_hz, pulses
        Length and frame rate of image mode, and number of optical pulses; no length, no image mode.
    events_s, shower_hz, chance_hz
        Length of pulse-height mode and rates of showers and chance triggers; no length, no pulse-height mode.
    movie_product, events_product
        ``img16`` or ``img8``; ``ph1024``, where a trigger records the whole module, or ``ph256``, where it records one
        quabo.
    faults
        What goes wrong.
    telescopes
        The array.
    """

    name: str
    start_ns: int
    target: tuple[float, float]
    run_type: str = "sci-data"
    movie_s: float = 0.0
    movie_hz: float = 100.0
    pulses: int = 0
    events_s: float = 0.0
    shower_hz: float = 0.5
    chance_hz: float = 0.4
    movie_product: str = "img16"
    events_product: str = "ph1024"
    faults: Faults = NO_FAULTS
    telescopes: tuple[Telescope, ...] = PALOMAR

    @property
    def duration_s(self) -> float:
        """Length of the run."""
        return max(self.movie_s, self.events_s)

    @property
    def run_name(self) -> RunName:
        """Name of the directory."""
        return RunName(self.name, self.start_ns, self.run_type)


def write_run(folder: Path, run: Run, seed: int) -> Truth:
    """Write a run directory below `folder`; gives its truth."""
    telescopes = point(run.telescopes, *run.target, run.start_ns)
    integration = 1 / run.movie_hz if run.movie_s else 0.0
    mode = Mode(integration, run.movie_product == "img8", run.events_product == "ph256")
    settings = configurations(run.name, run.run_type, telescopes, mode, start_ns=run.start_ns, seed=seed)
    path = begin_run(folder, run.run_name, settings)
    max_bytes = settings["data_config.json"]["max_file_size_mb"] * MEGABYTE
    truth: list[Truth] = [{"faults": _fault_table(run)}]
    for telescope in telescopes:
        if run.movie_s:
            truth.append(_write_movie(path, _movie(run, telescope, telescopes[0], seed), max_bytes))
        if run.events_s:
            truth.append(_write_events(path, _events(run, telescope, telescopes[0], seed), max_bytes))
    write_housekeeping(path, readings(telescopes, run.start_ns, run.duration_s, seed=seed, faults=run.faults))
    end_ns = run.start_ns + round(run.duration_s * NS)
    end_run(
        path, end_ns, [f"start.py: {format_utc(run.start_ns)}: run started", f"stop.py: {format_utc(end_ns)}: done"]
    )
    return merge(truth, observation=run.run_name.observation)


def merge(parts: Iterable[Mapping[str, pd.DataFrame]], **columns: str) -> Truth:
    """Join truth tables of the same name, with more columns in front."""
    found: dict[str, list[pd.DataFrame]] = {}
    for part in parts:
        for name, table in part.items():
            found.setdefault(name, []).append(table)
    return {k: pd.concat(v, ignore_index=True).assign(**columns) for k, v in found.items()}


def _movie(run: Run, telescope: Telescope, first: Telescope, seed: int) -> Movie:
    pulses = random_pulses(first, run.start_ns, run.movie_s, run.pulses, seed=seed)
    frames = round(run.movie_s * run.movie_hz)
    product = run.movie_product
    return Movie(telescope, run.start_ns, run.movie_hz, frames, seed, product, pulses=pulses, faults=run.faults)


def _events(run: Run, telescope: Telescope, first: Telescope, seed: int) -> Events:
    rates = {"shower_hz": run.shower_hz, "chance_hz": run.chance_hz}
    product = run.events_product
    return Events(telescope, first, run.start_ns, run.events_s, **rates, seed=seed, faults=run.faults, product=product)


def _write_movie(path: Path, movie: Movie, max_bytes: int) -> Truth:
    _write_cells(FrameWriter(path, PRODUCTS[movie.product], movie.telescope.module, max_bytes), movie.cells())
    truth, pixels = movie_truth(movie), camera(movie.seed, movie.telescope.module, movie.faults)
    maps = {"pedestal": truth.pedestal, "noise": truth.noise, "gain": pixels.efficiency}
    return {
        "pixels": _pixel_table(movie.product, movie.telescope.module, maps),
        "pulses": pd.DataFrame(truth.pulses),
    }


def _write_events(path: Path, events: Events, max_bytes: int) -> Truth:
    _write_cells(FrameWriter(path, PRODUCTS[events.product], events.telescope.module, max_bytes), events.cells())
    pixels = camera(events.seed, events.telescope.module, events.faults)
    maps = {"pedestal": pixels.pedestal, "noise": pixels.noise, "gain": pixels.gain}
    return {"pixels": _pixel_table(events.product, events.telescope.module, maps), "events": events.table}


def _write_cells(writer: FrameWriter, cells: Iterable[Cell]) -> None:
    for cell in cells:
        if len(cell.times):
            writer.append(int(cell.times[0]) // NS * NS, cell.headers, cell.images)


def _pixel_table(product: str, module: int, maps: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
    y, x = np.indices((SIDE, SIDE)).reshape(2, -1)
    columns = {k: v.ravel() for k, v in maps.items()}
    return pd.DataFrame({"product": product, "detector": module, "y": y, "x": x, **columns})


def _fault_table(run: Run) -> pd.DataFrame:
    faults = run.faults.switched_on
    return pd.DataFrame({"fault": list(faults), "size": list(faults.values())}).astype({"fault": str, "size": float})
