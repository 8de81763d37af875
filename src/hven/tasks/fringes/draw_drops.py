"""Small pictures of drops with what was measured drawn beside them: image, fit, and what the fit leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.model import fringes as v
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.fringes.dark import UNLIT
from hven.tasks.fringes.measure_drops import Setup, setup_of

_PORTS = ((1, 1.0), (2, -1.0))
_READ = ("background", "phase", "contrast", *(f"{n}_{p}" for n in ("atoms", "x", "y", "width_x", "width_y")
                                              for p in (1, 2)))  # fmt: skip


class DrawConfig(Config):
    """How small a picture is."""

    most_cells: Annotated[int, Field(ge=8, description="Cells along the longer side.")] = 160


def run(inputs: Inputs, config: DrawConfig) -> Mapping[str, xr.Dataset]:
    """Draw every drop.

    Returns
    -------
    Mapping
        ``pictures``, dim time.
    """
    images, drops = inputs["images"], inputs["drops"]
    setup = setup_of(images.attrs)
    frames = images["images"].values[inputs.own]
    step = max(1, -(-max(frames.shape[1:]) // config.most_cells))
    light = np.stack([_cells(frame, step) for frame in frames])
    light = ((light / step**2 - setup.camera.offset) / setup.camera.gain).astype(np.float32)
    measured = {name: drops[name].values[inputs.own] for name in _READ}
    fits = [expected({n: c[row] for n, c in measured.items()}, setup, light.shape[1:], step)
            for row in range(len(frames))]  # fmt: skip
    fit = np.stack(fits).astype(np.float32)
    noise = np.sqrt((np.maximum(fit, 0) + setup.camera.extra) / step**2)
    shape = ("time", "v", "u")
    columns = {"light": (shape, light), "fit": (shape, fit), "residual": (shape, (light - fit) / noise)}
    kept = {n: ("time", images[n].values[inputs.own]) for n in ("exposure",)}
    coords = {"time": ("time", images["time"].values[inputs.own])}
    cell = ("time", np.full(len(frames), step, np.int64))
    return {"pictures": xr.Dataset({**columns, **kept, "cell": cell}, coords)}


def expected(drop: Mapping[str, float], setup: Setup, shape: tuple[int, ...], step: int) -> NDArray[np.float64]:
    """Photo-electrons of a pixel that the measured drop would give, at the centres of cells of `step` pixels.

    Parameters
    ----------
    drop
        Row of the drops; ports without a cloud are not-a-number.
    setup
        How the camera sees.
    shape
        Cells along y and x.
    """
    y, x = (step * (np.arange(n, dtype=np.float64) + 0.5) - 0.5 for n in shape)
    light: NDArray[np.float64] = np.full(shape, float(np.nan_to_num(drop["background"])))
    contrast = np.nan_to_num(drop["contrast"]) * np.sinc(setup.wave.k * step / (2 * math.pi))
    wave = np.cos(setup.wave.k * (x - setup.wave.reference) + np.nan_to_num(drop["phase"]))
    for port, sign in _PORTS:
        if math.isfinite(drop[f"atoms_{port}"]):
            area = drop[f"atoms_{port}"] * setup.electrons_per_atom
            light += area * np.outer(_bell(y, drop, f"y_{port}", f"width_y_{port}", setup.pixel_m),
                                     _bell(x, drop, f"x_{port}", f"width_x_{port}", setup.pixel_m)
                                     * (1 + sign * contrast * wave))  # fmt: skip
    return light


def _bell(x: NDArray[np.float64], drop: Mapping[str, float], centre: str, width: str, pixel_m: float) -> Any:
    sigma = drop[width] / pixel_m
    return np.exp(-((x - drop[centre] / pixel_m) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)


def _cells(image: NDArray[Any], step: int) -> NDArray[np.int64]:
    """Sums over whole cells."""
    cells = np.zeros((image.shape[0] // step, image.shape[1] // step), np.int64)
    _sum(image, step, cells)
    return cells


@numba.njit(cache=True, nogil=True)
def _sum(image: Any, step: Any, cells: Any) -> None:
    strip = np.zeros(cells.shape[1] * step, np.uint32)  # 65,535 counts of 65,535 rows fit
    for row in range(cells.shape[0]):
        strip[:] = 0
        for y in range(row * step, (row + 1) * step):
            line = image[y]
            for x in range(strip.size):
                strip[x] += np.uint32(line[x])
        for column in range(cells.shape[1]):
            total = np.int64(0)
            for x in range(column * step, (column + 1) * step):
                total += np.int64(strip[x])
            cells[row, column] = total


TASK = Task(
    name="fringes.draw_drops",
    version="1",
    doc="Small pictures of drops, of what was fitted, and of what the fit leaves.",
    inputs=(
        Slot("images", (v.TIME, v.EXPOSURE, v.IMAGES), "Images of drops.", refuses=UNLIT),
        Slot("drops", tuple(x for x in v.DROPS if x.name in {"time", *_READ}), "What was measured on them."),
    ),
    outputs=(Output("pictures", v.PICTURES, "One for each drop.", dim="time"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=DrawConfig,
    run=run,
    block=Block("time", length=16),
    resources=Resources(memory_per_input_byte=1.5),
)
