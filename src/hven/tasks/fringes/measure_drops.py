"""Atoms, places, widths, phase and contrast of every drop that one camera saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Annotated, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.errors import DataError
from hven.model import fringes as v
from hven.model.task import Block, Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.fringes.dark import DARK_SLOT, UNLIT, Unlit, dark_plane, unlit
from hven.tasks.fringes.envelope import Envelope
from hven.tasks.fringes.phase import Wave
from hven.tasks.fringes.port import Camera, Port, measure_port
from hven.tasks.fringes.sums import Region

_FLOATS = tuple(x.name for x in v.DROPS if x.dtype == "float64" and x.name != "flight")


class DropConfig(Config):
    """What makes a drop a bad one."""

    largest_chi2: Annotated[float, Field(gt=0, description="Squared residuals per point above which a fit is bad.")] = (
        2.0
    )
    most_saturated: Annotated[int, Field(ge=0, description="Saturated pixels above which a drop is flagged.")] = 0


class Setup(NamedTuple):
    """How a camera sees: what the attributes of its dataset say."""

    camera: Camera
    ports: tuple[Region, Region]
    wave: Wave
    pixel_m: float
    electrons_per_atom: float


def setup_of(attrs: Mapping[str, Any]) -> Setup:
    """Read the attributes of a dataset of images; raises DataError naming what is not there."""
    try:
        offset, gain, read_noise = (float(attrs[name]) for name in ("offset", "gain", "read_noise"))
        first, second = (Region(*(int(edge) for edge in attrs[name])) for name in ("port_1", "port_2"))
        return Setup(
            camera=Camera(offset, gain, read_noise, int(attrs["ceiling"])),
            ports=(first, second),
            wave=Wave(2 * math.pi / float(attrs["fringe_period"]), float(attrs["phase_reference"])),
            pixel_m=float(attrs["pixel_m"]),
            electrons_per_atom=float(attrs["electrons_per_atom"]),
        )
    except KeyError as error:
        raise DataError(
            f"the images say nothing of {error.args[0]}", hint="The series' configuration names it for each camera."
        ) from None


def run(inputs: Inputs, config: DropConfig) -> Mapping[str, xr.Dataset]:
    """Measure both ports of every drop.

    The phase is that of the first port; the second, whose fringe is the opposite one, is averaged into it.

    Returns
    -------
    Mapping
        ``drops``, dim time, in order of the images.
    """
    images = inputs["images"]
    setup = setup_of(images.attrs)
    frames = images["images"].values[inputs.own]
    plane = dark_plane(inputs, frames.shape[1:])
    dark = [unlit(region.within(frame), setup.camera.offset, plane) for frame in frames[:1] for region in setup.ports]
    columns: dict[str, NDArray[Any]] = {name: np.full(len(frames), np.nan) for name in _FLOATS}
    columns |= {"saturated": np.zeros(len(frames), np.int64), "quality": np.zeros(len(frames), np.uint16)}
    for row, frame in enumerate(frames):
        for name, value in measure_drop(frame, setup, config, dark).items():
            columns[name][row] = value
    kept = {name: images[name].values[inputs.own] for name in ("exposure", "flight")}
    coords = {"time": ("time", images["time"].values[inputs.own])}
    drops = xr.Dataset({n: ("time", c) for n, c in {**kept, **columns}.items()}, coords)
    return {"drops": drops.assign_attrs({n: images.attrs[n] for n in ("mass_u",) if n in images.attrs})}


def measure_drop(image: NDArray[Any], setup: Setup, config: DropConfig, dark: Sequence[Unlit] = ()) -> dict[str, float]:
    """Columns of one drop.

    Parameters
    ----------
    image
        Counts, dims (y, x).
    setup
        How the camera sees.
    config
        What makes a drop a bad one.
    dark
        What the regions of the ports count without light; by the camera's offset if it is left out.
    """
    ports = [
        measure_port(image, region.within(image), setup.camera, setup.wave, below)
        for region, below in zip_longest(setup.ports, dark)
    ]
    found: dict[str, float] = {"saturated": sum(port.saturated for port in ports)}
    for number, port in enumerate(ports, 1):
        found |= _of_port(port, number, setup)
    found |= {"background": float(np.mean([port.level for port in ports])), **_populations(ports)}
    found |= _fringe(ports) | {"atoms_limit": _limit(ports, setup)}
    return found | {"quality": _quality(ports, found, config)}


def _of_port(port: Port, number: int, setup: Setup) -> dict[str, float]:
    if port.fringe is None:
        return {}
    rows, fringe, pixel = port.rows, port.fringe, setup.pixel_m
    values = {
        "atoms": (rows.area / setup.electrons_per_atom, rows.area_error / setup.electrons_per_atom),
        "x": (fringe.centre * pixel, fringe.centre_error * pixel),
        "y": (rows.centre * pixel, rows.centre_error * pixel),
        "width_x": (fringe.width * pixel, fringe.width_error * pixel),
        "width_y": (rows.width * pixel, rows.width_error * pixel),
    }
    named = [(f"{name}_{number}", value) for name, value in values.items()]
    return {n: value[0] for n, value in named} | {f"{n}_error": value[1] for n, value in named}


def _populations(ports: list[Port]) -> dict[str, float]:
    """Part of the atoms in the second port, with the error that follows from both."""
    if any(port.fringe is None for port in ports):
        return {}
    one, other = (port.rows for port in ports)
    total = one.area + other.area
    error = math.hypot(other.area * one.area_error, one.area * other.area_error) / total**2
    return {"population": other.area / total, "population_error": error}


def _fringe(ports: list[Port]) -> dict[str, float]:
    """Weighted means of both ports; the second's phase is half a turn away."""
    told = [(port.fringe, number) for number, port in enumerate(ports) if port.fringe is not None]
    if not told:
        return {}
    weights = np.array([1 / max(fringe.phase_error, 1e-12) ** 2 for fringe, _ in told])
    turns = np.exp(1j * np.array([fringe.phase + number * math.pi for fringe, number in told]))
    contrast = np.array([fringe.contrast for fringe, _ in told])
    of_contrast = np.array([1 / max(fringe.contrast_error, 1e-12) ** 2 for fringe, _ in told])
    return {
        "phase": float(np.angle(weights @ turns)), "phase_error": float(1 / math.sqrt(weights.sum())),
        "contrast": float(np.average(contrast, weights=of_contrast)),
        "contrast_error": float(1 / math.sqrt(of_contrast.sum())),
        "chi2": float(max(fringe.chi2_per_point for fringe, _ in told)),
    }  # fmt: skip


def _limit(ports: list[Port], setup: Setup) -> float:
    empty: list[Envelope] = [port.rows for port in ports if port.fringe is None]
    return max((rows.limit for rows in empty), default=math.nan) / setup.electrons_per_atom


def _quality(ports: list[Port], found: Mapping[str, float], config: DropConfig) -> int:
    missing = [port.fringe is None for port in ports]
    bad = any(port.fringe is not None and not port.fringe.converged for port in ports)
    flags = {
        "no_cloud": all(missing),
        "missing_port": any(missing) and not all(missing),
        "saturated": found["saturated"] > config.most_saturated,
        "bad_fit": bad or found.get("chi2", 0.0) > config.largest_chi2,
    }
    return sum(v.QUALITY_FLAGS[name] for name, is_so in flags.items() if is_so)


TASK = Task(
    name="fringes.measure_drops",
    version="1",
    doc="Atoms, places, widths, phase and contrast of every drop.",
    inputs=(
        Slot("images", (v.TIME, v.EXPOSURE, v.FLIGHT, v.IMAGES), "Images of drops.", refuses=UNLIT),
        DARK_SLOT,
    ),
    outputs=(Output("drops", v.DROPS, "One row for each drop.", dim="time"),),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=DropConfig,
    run=run,
    block=Block("time", length=16),
    resources=Resources(memory_per_input_byte=1.2),
)
