"""Optical pulses that two telescopes saw at the same place of the sky at the same time.

The pixels of one telescope are translated to the other through the sky, by where both stand and look, and rounded: the
distance of two pixels is that of rows or columns of the first camera, whichever is larger.

The threshold stands on the joint significance ``(z1 + z2) / sqrt(2)``, normal where there is no pulse. Pulses are
joined when they have the same level k, boxes of w = 2^k frames every s = max(1, w/4), and overlap in time. So each
pixel-frame of one telescope offers

    trials = n_d / s * 2 w/s,    n_0 = 1, n_d = 8 d

pairs of boxes to join; n_d is the number of pixels at distance d, the larger of rows and columns. With N pixel-frames
of both telescopes, N/2 of one, the expected number of false pairs is at most ``N/2 * trials * Q(T)``, Q the upper tail
of the normal distribution. T of each level and distance is set so that this is its part of `false_pairs` (one) for
N = 7e10, a night of two telescopes at 1 kHz. Distances have equal parts, levels 1/2, 1/4, 1/8 ...: short pulses hold
the least light and need the lowest threshold; the sum stays below one however many levels are searched.
Boxes that overlap are not independent, so the true number is smaller.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from statistics import NormalDist
from typing import Annotated, Any

import numba
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hven.core.clock import NS
from hven.core.errors import SchemaError
from hven.model import events
from hven.model.task import Config, Inputs, Output, Slot, Task
from hven.sky.camera import Camera, pixels_in
from hven.sky.pointing import equatorial, sidereal_time
from hven.tasks.showers.clocks import require_locked

LEVELS = 16
"""Levels that may be joined."""

_BEYOND = 10
"""Pixels outside of a camera that are still translated, more than any distance at which pulses are joined."""
_COLUMNS = ("time", "y", "x", "level", "duration", "nsigma")


class MatchConfig(Config):
    """Which pulses belong together."""

    pixel_deg: Annotated[float, Field(gt=0, description="Side of a pixel on the sky in degrees.")]
    pixels: Annotated[int, Field(ge=0, le=5, description="Largest distance in rows and columns.")] = 1
    false_pairs: Annotated[float, Field(gt=0, description="False pairs allowed per `pixel_frames`.")] = 1.0
    pixel_frames: Annotated[float, Field(gt=0, description="Pixel-frames of both telescopes together.")] = 7e10


def run(inputs: Inputs, config: MatchConfig) -> Mapping[str, xr.Dataset]:
    """Join pulses of every two detectors; of overlapping pairs the most significant is kept.

    Returns
    -------
    Mapping
        ``coincidences``, dim event, in order of time; attribute `threshold` is the joint significance required
        at each level of the same pixel. Attribute `pointing` is ``from attributes``, or ``assumed parallel`` where
        those of a telescope do not say where it looks: pixels are then compared as they are.

    Raises
    ------
    ClockError
        When a telescope's clock is not locked.
    """
    tables = dict(zip((int(i["detector"]) for i in inputs.data_ids["pulses"]), inputs["pulses"], strict=True))
    require_locked((detector, str(t.attrs.get("clock_status", ""))) for detector, t in tables.items())
    threshold = joint_thresholds(config)
    known = all(Camera.from_attrs(t.attrs) for t in tables.values())
    parts = []
    for a, b in itertools.combinations(sorted(tables), 2):
        second = in_pixels_of(tables[a], tables[b], config.pixel_deg) if known else tables[b]
        found = match(tables[a], second, (a, b), threshold)
        parts.append(_on_sky(found, tables[a], config.pixel_deg) if known else found)
    joined = xr.concat(parts, "event") if parts else _table(_empty(), _empty(), np.zeros((0, 2), np.int64), (0, 0))
    pointing = "from attributes" if known else "assumed parallel"
    attrs = {"threshold": threshold[:, 0].tolist(), "telescopes": len(tables), "pointing": pointing}
    return {"coincidences": joined.sortby("time").assign_attrs(attrs)}


def joint_threshold(config: MatchConfig, level: int, distance: int = 0) -> float:
    """Joint significance that pulses of a level need in pixels at a distance; see the module's derivation.

    Examples
    --------
    >>> config = MatchConfig(pixel_deg=0.3125)
    >>> round(joint_threshold(config, 0), 2), round(joint_threshold(config, 5, 1), 2)
    (6.85, 7.52)
    """
    length = 2**level
    step = max(1, length // 4)
    trials = max(1, 8 * distance) * 2 * length / step**2
    allowed = config.false_pairs / (config.pixels + 1) / 2 ** (level + 1)
    return -NormalDist().inv_cdf(allowed / (config.pixel_frames / 2 * trials))


def joint_thresholds(config: MatchConfig) -> NDArray[np.float64]:
    """Joint significance required, by level and distance."""
    levels, distances = range(LEVELS), range(config.pixels + 1)
    return np.array([[joint_threshold(config, level, distance) for distance in distances] for level in levels])


def in_pixels_of(first: xr.Dataset, second: xr.Dataset, pixel_deg: float) -> xr.Dataset:
    """Pulses of the second telescope in rows and columns of the first one's camera; those it does not see are left out.

    Parameters
    ----------
    first, second
        Pulses, with attributes that say where the cameras stand and look.
    pixel_deg
        Side of a pixel.
    """
    side = int(second.attrs["camera_side"])
    places = np.stack(pixels_in(_camera(first), _camera(second), side, pixel_deg))
    seen = ((places > -_BEYOND) & (places < side - 1 + _BEYOND)).all(axis=0)
    y, x = np.rint(np.where(seen, places, 0.0)).astype(np.int16)
    own = second["y"].values, second["x"].values
    moved = second.assign(y=("event", y[own]), x=("event", x[own]))
    return moved.isel(event=np.flatnonzero(seen[own]))


def _camera(pulses: xr.Dataset) -> Camera:
    camera = Camera.from_attrs(pulses.attrs)
    if camera is None:
        raise SchemaError("the attributes of the pulses do not say where the camera stands and looks")
    return camera


def match(
    first: xr.Dataset,
    second: xr.Dataset,
    detectors: tuple[int, int],
    threshold: NDArray[np.float64],
    *,
    shift_ns: int = 0,
) -> xr.Dataset:
    """Pairs of two tables of pulses at or above a joint significance.

    Parameters
    ----------
    first, second
        Pulses of one detector each, in rows and columns of the same camera.
    detectors
        Their numbers.
    threshold
        Joint significance by level and distance in pixels; longer and farther pulses are not joined.
    shift_ns
        Added to the times of the second: pairs are then accidental.
    """
    a, b = _sorted(first, 0), _sorted(second, shift_ns)
    pairs = _pairs(a, b, np.sqrt(2.0) * threshold)
    return _table(a, b, _distinct(a, b, pairs), detectors)


def _sorted(pulses: xr.Dataset, shift_ns: int) -> dict[str, NDArray[Any]]:
    """Columns in order of time, pixel and level, in which the search gives them."""
    columns = {name: pulses[name].values for name in _COLUMNS}
    columns["time"] = columns["time"].astype("datetime64[ns]").view(np.int64)
    if shift_ns:
        columns["time"] = columns["time"] + shift_ns
    if (columns["time"][1:] >= columns["time"][:-1]).all():
        return columns
    order = np.lexsort((columns["level"], columns["x"], columns["y"], columns["time"]))
    return {name: values[order] for name, values in columns.items()}


def _empty() -> dict[str, NDArray[Any]]:
    return {name: np.zeros(0, np.int64) for name in _COLUMNS}


def _pairs(a: dict[str, NDArray[Any]], b: dict[str, NDArray[Any]], least: NDArray[np.float64]) -> NDArray[np.int64]:
    window = max((round(float(t["duration"].max()) * NS) for t in (a, b) if len(t["duration"])), default=0)
    sides = [tuple(t[name] for name in _COLUMNS) for t in (a, b)]
    room = 4096
    while True:
        out = np.empty((room, 2), np.int64)
        count = _join(sides[0], sides[1], (window, least), out)
        if count <= room:
            return out[:count]
        room = count


@numba.njit(cache=True, nogil=True)
def _join(a: Any, b: Any, how: Any, out: Any) -> int:
    window, least = how
    time_a, y_a, x_a, level_a, duration_a, nsigma_a = a
    time_b, y_b, x_b, level_b, duration_b, nsigma_b = b
    count, low = 0, 0
    for i in range(time_a.size):
        while low < time_b.size and time_b[low] < time_a[i] - window:
            low += 1
        j = low
        while j < time_b.size and time_b[j] <= time_a[i] + window:
            distance = max(abs(int(y_a[i]) - int(y_b[j])), abs(int(x_a[i]) - int(x_b[j])))
            level = level_a[i]
            if level == level_b[j] and level < least.shape[0] and distance < least.shape[1]:
                length = np.int64(round(max(duration_a[i], duration_b[j]) * NS))
                joint = np.float64(nsigma_a[i]) + np.float64(nsigma_b[j])
                if abs(time_a[i] - time_b[j]) < length and joint >= least[level, distance]:
                    if count < out.shape[0]:
                        out[count, 0], out[count, 1] = i, j
                    count += 1
            j += 1
    return count


def _distinct(a: dict[str, NDArray[Any]], b: dict[str, NDArray[Any]], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of pairs that overlap in time within a pixel of each other, the most significant."""
    i, j = pairs[:, 0], pairs[:, 1]
    joint = a["nsigma"][i].astype(np.float64) + b["nsigma"][j]
    order = np.lexsort((j, i, -joint))
    pulses = tuple(a[name][i] for name in ("time", "y", "x", "duration"))
    places: NDArray[np.int64] = order[_kept(tuple(values[order] for values in pulses))]
    return pairs[np.sort(places)]


@numba.njit(cache=True, nogil=True)
def _kept(pulses: Any) -> Any:
    """Places of pulses that overlap none kept before them."""
    time, y, x, duration = pulses
    kept = np.empty(time.size, np.int64)
    count = 0
    for one in range(time.size):
        apart = True
        for other in kept[:count]:
            near = abs(y[one] - y[other]) <= 1 and abs(x[one] - x[other]) <= 1
            length = max(duration[one], duration[other]) * NS
            if near and abs(time[one] - time[other]) <= 2 * length:
                apart = False
                break
        if apart:
            kept[count] = one
            count += 1
    return kept[:count]


def _table(
    a: dict[str, NDArray[Any]], b: dict[str, NDArray[Any]], pairs: NDArray[np.int64], detectors: tuple[int, int]
) -> xr.Dataset:
    i, j = pairs[:, 0], pairs[:, 1]
    z = [t["nsigma"][rows].astype(np.float32) for t, rows in ((a, i), (b, j))]
    columns = {
        "y": a["y"][i].astype(np.int16),
        "x": a["x"][i].astype(np.int16),
        "ra": np.full(len(i), np.nan),
        "dec": np.full(len(i), np.nan),
        "level": a["level"][i].astype(np.int16),
        "duration": np.maximum(a["duration"][i], b["duration"][j]).astype(np.float64),
        "dt": b["time"][j] - a["time"][i],
        "nsigma": ((z[0] + z[1]) / np.sqrt(np.float32(2))).astype(np.float32),
        "detector_1": np.full(len(i), detectors[0], np.int32),
        "detector_2": np.full(len(i), detectors[1], np.int32),
        "nsigma_1": z[0],
        "nsigma_2": z[1],
    }
    times = a["time"][i].astype("datetime64[ns]")
    return xr.Dataset({k: ("event", c) for k, c in columns.items()}, {"time": ("event", times)})


def _on_sky(found: xr.Dataset, first: xr.Dataset, pixel_deg: float) -> xr.Dataset:
    """Pairs with right ascension and declination of their pixel in the first telescope."""
    camera = _camera(first)
    direction = camera.direction(found["y"].values, found["x"].values, int(first.attrs["camera_side"]), pixel_deg)
    times = found["time"].values.astype("datetime64[ns]").astype(np.int64)
    ra, dec = equatorial(*direction, sidereal_time(times, camera.longitude), camera.latitude)
    return found.assign(ra=("event", ra), dec=("event", dec))


_READ = tuple(variable for variable in events.PULSES if variable.name in _COLUMNS)

TASK = Task(
    name="pulses.match_pulses",
    version="4",
    doc="Pulses that two telescopes saw together, above a joint threshold set on false pairs per night.",
    inputs=(Slot("pulses", _READ, "Candidates of every telescope.", multiple=True),),
    outputs=(Output("coincidences", events.PULSE_COINCIDENCES, "Pairs.", dim="event"),),
    dimensions=("instrument", "day_obs", "observation"),
    config=MatchConfig,
    run=run,
)
