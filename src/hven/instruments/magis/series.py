"""The configuration of a series, `series.json`: how each camera sees, and which atoms fall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hven.core.errors import DataError

CONFIGURATION = "series.json"

Edges = tuple[int, int, int, int]
"""Top, bottom, left and right of a region in pixels; bottom and right are the first ones outside."""


class CameraSettings(BaseModel):
    """One camera.

    Parameters
    ----------
    offset, gain, read_noise, ceiling
        Counts without light, counts for each photo-electron, noise in photo-electrons, counts of a full pixel.
    pixel_m
        Side of a pixel at the atoms, in metres.
    electrons_per_atom
        Photo-electrons that one atom gives: solid angle over 4 pi, times transmission and quantum efficiency, times
        scattering rate, times exposure.
    port_1, port_2
        Where the clouds of the two ports are expected.
    fringe_period, phase_reference
        In pixels along the columns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: float
    gain: float = Field(gt=0)
    read_noise: float = Field(ge=0)
    ceiling: int = Field(gt=0)
    pixel_m: float = Field(gt=0)
    electrons_per_atom: float = Field(gt=0)
    port_1: Edges
    port_2: Edges
    fringe_period: float = Field(gt=0)
    phase_reference: float


class ShadowSettings(BaseModel):
    """One camera that sees shadows.

    Parameters
    ----------
    pixel_m
        Side of a pixel at the atoms, in metres.
    wavelength_m, detuning
        Of the probe light; the detuning in natural line widths.
    saturation_counts
        Counts of the probe at the saturation intensity; 0 leaves the saturation of bright probes out.
    atoms
        Where atoms may be; the light beside them tells the probe.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixel_m: float = Field(gt=0)
    wavelength_m: float = Field(gt=0)
    detuning: float = 0.0
    saturation_counts: float = Field(0.0, ge=0)
    atoms: Edges


class SeriesSettings(BaseModel):
    """A series: the atoms' mass in atomic mass units, its cameras and those that see shadows, by number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    atom: str
    mass_u: float = Field(gt=0)
    cameras: dict[int, CameraSettings] = {}
    shadows: dict[int, ShadowSettings] = {}


def describe(camera: int | None, configurations: Mapping[str, Any], *, shadow: bool = False) -> dict[str, Any]:
    """Attributes of a camera's images; only the camera's number where there is no configuration.

    Raises
    ------
    DataError
        When the configuration has unknown or missing keys, or does not know the camera.
    """
    known: dict[str, Any] = {} if camera is None else {"camera": camera}
    if CONFIGURATION not in configurations:
        return known
    try:
        series = SeriesSettings.model_validate(configurations[CONFIGURATION])
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DataError(f"{CONFIGURATION}: {problems}") from None
    cameras: Mapping[int, BaseModel] = series.shadows if shadow else series.cameras
    if camera is not None and camera not in cameras:
        raise DataError(f"{CONFIGURATION} does not know camera {camera}", hint=f"It knows {sorted(cameras)}.")
    own = cameras[camera].model_dump(mode="json") if camera is not None else {}
    return {**known, "atom": series.atom, "mass_u": series.mass_u, **own}
