"""Absorption imaging: optical density and atoms of every drop whose shadow in probe light a camera saw.

A drop has three images: probe light with atoms, without them, and no light. The probe of the very moment is made of
the probes of many drops (see `hven.tasks.fringes.absorption`), judged on pixels at which that fit has not looked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.errors import DataError
from hven.model import fringes as v
from hven.model.task import Config, Inputs, Output, Resources, Slot, Task
from hven.tasks.fringes.absorption import Image, Transition, best_probe, optical_density, smoothed, transmission
from hven.tasks.fringes.cloud import BLOCK, Cloud, block_noise, fit_cloud
from hven.tasks.fringes.dark import DARK_SLOT, UNLIT, dark_plane
from hven.tasks.fringes.envelope import SIGNIFICANT
from hven.tasks.fringes.sums import Region

_ATOMS, _PROBE, _DARK = 1, 2, v.NO_LIGHT
_ONE_SIDED_95 = 1.645
_JUDGED = 4
_NAMES = ("x", "y", "width_x", "width_y")


class ShadowConfig(Config):
    """How densities are made and what is believed of them."""

    references: Annotated[int, Field(ge=0, description="Probes of other drops of which the best one is made.")] = 19
    smooth_pixels: Annotated[float, Field(ge=0, description="Gaussian over which light is averaged, sigma.")] = 0.0
    least_light: Annotated[float, Field(ge=0, description="Counts of the probe up to which nothing is told.")] = 1.0
    clip: Annotated[bool, Field(description="Take pixels brighter than the probe for empty ones; biased.")] = False
    largest: Annotated[float, Field(gt=0, description="Density at which every density is cut.")] = 8.0
    ceilings: Annotated[
        tuple[float, ...],
        Field(min_length=1, description="Densities above which pixels are left out of a fit; the first one counts."),
    ] = (4.0, 3.0, 5.0)


class Seen(NamedTuple):
    """How a camera sees shadows: what the attributes of its dataset say."""

    transition: Transition
    pixel_m: float
    atoms: Region

    @property
    def per_density(self) -> float:
        """Atoms of a pixel of density 1."""
        return self.pixel_m**2 / self.transition.cross_section_m2


def seen_of(attrs: Mapping[str, Any]) -> Seen:
    """Read the attributes of a dataset of shadows; raises DataError naming what is not there."""
    try:
        saturation = float(attrs["saturation_counts"]) if attrs["saturation_counts"] else math.inf
        light = Transition(float(attrs["wavelength_m"]), float(attrs["detuning"]), saturation)
        return Seen(light, float(attrs["pixel_m"]), Region(*(int(edge) for edge in attrs["atoms"])))
    except KeyError as error:
        raise DataError(
            f"the images say nothing of {error.args[0]}", hint="The series' configuration names it for each camera."
        ) from None


def run(inputs: Inputs, config: ShadowConfig) -> Mapping[str, xr.Dataset]:
    """Measure every drop that has an image with atoms and one without.

    Returns
    -------
    Mapping
        ``densities`` and ``clouds``, dim time, in order of drop; ``ceilings``, dim row: atoms by the density above
        which pixels are left out. Nothing where there is no such drop.
    """
    images = inputs["images"]
    seen = seen_of(images.attrs)
    shots = _shots(images, dark_plane(inputs, images["images"].shape[1:]))
    probes = np.stack([shot.probe for shot in shots]) if shots else np.empty(0)
    made = [_measure(number, shots, probes, seen, config) for number in range(len(shots))]
    if not made:
        return {}
    coords = {"time": ("time", np.array([shot.time for shot in shots]))}
    exposure = ("time", np.array([shot.exposure for shot in shots], np.int64))
    planes = {name: (("time", "y", "x"), np.stack([m[name] for _, m, _ in made])) for name in ("density", "full")}
    clouds = {x.name: ("time", np.array([row[x.name] for row, _, _ in made], x.dtype))
              for x in v.CLOUDS if x.name not in {"time", "exposure"}}  # fmt: skip
    rows = [r for *_, own in made for r in own]
    ceilings = {x.name: ("row", np.array([r[x.name] for r in rows], x.dtype)) for x in v.CEILINGS}
    return {
        "densities": xr.Dataset({**planes, "exposure": exposure}, coords),
        "clouds": xr.Dataset({**clouds, "exposure": exposure}, coords),
        "ceilings": xr.Dataset(ceilings),
    }


class Shot(NamedTuple):
    """Images of a drop with their dark image subtracted."""

    time: Any
    exposure: int
    atoms: Image
    probe: Image


def _shots(images: xr.Dataset, certified: NDArray[np.float32] | None) -> list[Shot]:
    """Drops in order; without a certified dark each takes its own dark image, or the mean of the others'."""
    kinds, numbers = images["kind"].values, images["exposure"].values
    frames = images["images"].values
    darks = frames[kinds == _DARK].astype(np.float64)
    if certified is None and not len(darks):
        hint = "One image of kind 3 in a series is enough; `hven calib take magis/shadows.dark` certifies some for all."
        raise DataError("there is no dark image, and none is certified", hint=hint)
    mean, shots = darks.mean(axis=0) if certified is None else certified.astype(np.float64), []
    for number in np.unique(numbers):
        of = {int(kinds[row]): row for row in np.flatnonzero(numbers == number)}
        if {_ATOMS, _PROBE} <= of.keys():
            dark = frames[of[_DARK]].astype(np.float64) if certified is None and _DARK in of else mean
            time = images["time"].values[of[_ATOMS]]
            shots.append(Shot(time, int(number), frames[of[_ATOMS]] - dark, frames[of[_PROBE]] - dark))
    return shots


def _measure(
    number: int, shots: list[Shot], probes: NDArray[np.float64], seen: Seen, config: ShadowConfig
) -> tuple[dict[str, float], dict[str, NDArray[Any]], list[dict[str, float]]]:
    """Row of the clouds, planes, and rows of the ceilings of one drop."""
    shot = shots[number]
    outside, judged = _masks(shot.atoms.shape, seen.atoms)
    others = sorted((n for n in range(len(shots)) if n != number), key=lambda n: abs(n - number))
    chosen = probes[[number, *others[: config.references]]]
    plain, _ = _density(shot.atoms, shot.probe, seen, config)
    probe = best_probe(shot.atoms, chosen, outside & ~judged) if len(chosen) > 1 else shot.probe
    density, _ = _density(shot.atoms, probe, seen, config)
    full = density >= config.ceilings[0]
    noise = block_noise(density, outside)
    ceilings = [_at_ceiling(density, ceiling, noise, seen, shot.exposure) for ceiling in config.ceilings]
    quality: dict[str, float] = {
        "references": len(chosen) - 1, "noise_plain": plain[judged].std(), "noise": density[judged].std(),
        "full": int(full.sum()), "atoms_sum": float(density.sum()) * seen.per_density,
    }  # fmt: skip
    row = quality | _cloud(density, full, outside, noise, seen) | _systematic(ceilings)
    planes: dict[str, NDArray[Any]] = {"density": density.astype(np.float32), "full": full.astype(np.uint8)}
    return row, planes, ceilings


def _density(atoms: Image, probe: Image, seen: Seen, config: ShadowConfig) -> tuple[Image, NDArray[np.bool_]]:
    through = smoothed(
        transmission(atoms, probe, least_light=config.least_light, clip=config.clip), config.smooth_pixels
    )
    return optical_density(through, probe - atoms, seen.transition, config.largest)


def _masks(shape: tuple[int, ...], atoms: Region) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels outside the atoms, and those of them at which no fit looks: every fourth block."""
    outside = np.ones(shape, np.bool_)
    outside[atoms.top : atoms.bottom, atoms.left : atoms.right] = False
    y, x = np.indices(shape) // BLOCK
    return outside, outside & ((x + 2 * y) % _JUDGED == 0)


def _at_ceiling(density: Image, ceiling: float, noise: float, seen: Seen, exposure: int) -> dict[str, float]:
    """Atoms of a fit that leaves out the pixels above a density."""
    full = density >= ceiling
    found = fit_cloud(np.where(full, np.nan, density), noise)
    return {
        "exposure": exposure, "ceiling": ceiling, "full": int(full.sum()),
        "atoms": found.total * seen.per_density if found else math.nan,
        "atoms_cut": float(np.minimum(density, ceiling).sum()) * seen.per_density,
    }  # fmt: skip


def _cloud(
    density: Image, full: NDArray[np.bool_], outside: NDArray[np.bool_], noise: float, seen: Seen
) -> dict[str, float]:
    """Atoms, place and widths; an upper limit where no cloud stands out."""
    inside = int((~outside).sum())
    level = float(density[outside].mean()) if outside.any() else 0.0
    total = float((density[~outside] - level).sum())
    error = noise * math.sqrt(inside * (1 + inside / max(int(outside.sum()), 1)))
    nothing = dict.fromkeys((n + e for n in ("atoms", *_NAMES) for e in ("", "_error")), math.nan)
    found = fit_cloud(np.where(full, np.nan, density), noise)
    if found is None or total < SIGNIFICANT * error or found.total < SIGNIFICANT * found.total_error:
        limit = (max(total, 0.0) + _ONE_SIDED_95 * error) * seen.per_density
        return {**nothing, "atoms_limit": limit, "level": level, "quality": v.SHADOW_FLAGS["no_cloud"]}
    quality = v.SHADOW_FLAGS["full"] if full.any() else 0
    return {**_values(found, seen), "atoms_limit": math.nan, "level": level, "quality": quality}


def _values(found: Cloud, seen: Seen) -> dict[str, float]:
    values = {"atoms": found.total * seen.per_density, "atoms_error": found.total_error * seen.per_density}
    for name in _NAMES:
        values |= {f"{name}{e}": getattr(found, name + e) * seen.pixel_m for e in ("", "_error")}
    return values


def _systematic(ceilings: list[dict[str, float]]) -> dict[str, float]:
    """Half of what the choice of the ceiling makes of the number of atoms."""
    atoms = [row["atoms"] for row in ceilings if math.isfinite(row["atoms"])]
    return {"atoms_systematic": (max(atoms) - min(atoms)) / 2 if len(atoms) > 1 else math.nan}


TASK = Task(
    name="fringes.measure_shadows",
    version="1",
    doc="Optical density and atoms of every drop from its shadow in probe light, fringes of the probe taken out.",
    inputs=(
        Slot(
            "images",
            (v.TIME, v.EXPOSURE, v.KIND, v.IMAGES),
            "Images with atoms, without, and dark.",
            refuses=UNLIT,
        ),
        DARK_SLOT,
    ),
    outputs=(
        Output("densities", v.DENSITIES, "Optical density of each drop.", dim="time"),
        Output("clouds", v.CLOUDS, "One row for each drop.", dim="time"),
        Output("ceilings", v.CEILINGS, "Atoms of each drop by the density above which pixels are left out.", dim="row"),
    ),
    dimensions=("instrument", "day_obs", "observation", "detector"),
    config=ShadowConfig,
    run=run,
    resources=Resources(memory_per_input_byte=16.0),
)
