"""A simulated night of dome, mount, weather, lasers and cameras, as files that devices would drop."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hven.core.clock import NS, day_obs_begin, format_utc
from hven.core.errors import ConflictError

LASERS = ("cooling", "interferometry")
CAMERAS = (1, 2)
TRUTH = "truth.json"

_DUSK_H = 6.0
_SLEWS_H = 0.5


@dataclass(frozen=True, slots=True)
class Troubles:
    """What goes wrong, each for some time; none by default.

    Parameters
    ----------
    gap
        The weather mast is silent between these seconds of the night.
    stuck
        Its thermometer says the same between these seconds.
    drift
        The detuning of the interferometry laser runs away by this much in an hour, in MHz.
    broken
        This part of the humidity's readings is not-a-number.
    late
        This part of the mount's samples comes in a second file, after the others, some of them twice.
    """

    gap: tuple[float, float] = (0.0, 0.0)
    stuck: tuple[float, float] = (0.0, 0.0)
    drift: float = 0.0
    broken: float = 0.0
    late: float = 0.0


def simulate(
    folder: Path,
    *,
    night: int,
    offset_hours: float,
    seed: int = 1,
    hours: float = 10.0,
    troubles: Troubles = Troubles(),
    topics: Collection[str] = (),
) -> list[Path]:
    """Write a folder for each topic, with files in the forms that devices use; the same seed gives the same bits.

    Parameters
    ----------
    folder
        Made if it is not there; as a drop folder is.
    night, offset_hours
        Observing day, and the observatory's offset; samples begin six hours after noon.
    hours
        Length of the series.
    topics
        Which; all if empty. What a topic says does not depend on the others.

    Returns
    -------
    list[Path]
        The files, and last of all what is true of them.

    Raises
    ------
    ConflictError
        When a file is there already.
    """
    begin = day_obs_begin(night, offset_hours) + round(_DUSK_H * 3600 * NS)
    rng = np.random.default_rng([seed, night])
    written = [
        _write(folder / topic / f"{night}{part}.{suffix}", table)
        for topic, part, suffix, table in _tables(rng, begin, hours * 3600, troubles)
        if topic in (topics or {topic})
    ]
    truth = folder / TRUTH
    truth.write_text(json.dumps({"night": night, "begin": format_utc(begin), "hours": hours, **asdict(troubles)}))
    return [*written, truth]


def _tables(
    rng: np.random.Generator, begin: int, seconds: float, troubles: Troubles
) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    yield "weather", "", "csv", _weather(rng, begin, seconds, troubles)
    yield "dome", "", "jsonl", _dome(rng, begin, seconds)
    mount = _mount(rng, begin, seconds)
    late = rng.random(len(mount)) < troubles.late
    yield "mount", "", "parquet", mount[~late] if late.any() else mount
    if late.any():
        twice = late | (rng.random(len(mount)) < troubles.late)
        yield "mount", "-late", "parquet", mount[twice]
    yield "laser", "", "jsonl", pd.concat([_laser(rng, begin, seconds, name, troubles) for name in LASERS])
    yield "camera", "", "csv", pd.concat([_camera(rng, begin, seconds, number) for number in CAMERAS])
    yield "facility.events", "", "jsonl", _events(begin, seconds)


def _clock(rng: np.random.Generator, begin: int, seconds: float, cadence_s: float) -> tuple[Any, Any]:
    """Times of samples with some jitter, in UTC nanoseconds and in seconds of the night."""
    count = int(seconds / cadence_s)
    at = (np.arange(count) + rng.uniform(-0.05, 0.05, count)) * cadence_s + cadence_s
    return begin + np.rint(at * NS).astype(np.int64), at


def _wander(rng: np.random.Generator, count: int, step: float) -> Any:
    return np.cumsum(rng.normal(0.0, step, count))


def _weather(rng: np.random.Generator, begin: int, seconds: float, troubles: Troubles) -> pd.DataFrame:
    time, at = _clock(rng, begin, seconds, 1.0)
    n, hours = len(at), at / 3600
    temperature = 12.0 - 0.6 * hours + _wander(rng, n, 0.004) + rng.normal(0, 0.03, n)
    first, last = troubles.stuck
    held = (at >= first) & (at < last)
    temperature[held] = temperature[held][:1].sum()
    humidity = np.clip(45 + 2 * hours + _wander(rng, n, 0.02), 5, 100)
    humidity[rng.random(n) < troubles.broken] = np.nan
    table = pd.DataFrame(
        {
            "time": time,
            "temperature": temperature.round(3),
            "humidity": humidity.round(2),
            "pressure": (840 + _wander(rng, n, 0.003)).round(3),
            "wind_speed": np.abs(4 + _wander(rng, n, 0.01) + rng.normal(0, 0.8, n)).round(2),
            "wind_direction": ((290 + _wander(rng, n, 0.2)) % 360).round(1),
        }
    )
    heard = (at < troubles.gap[0]) | (at >= troubles.gap[1])
    return table.loc[np.flatnonzero(heard)]


def _dome(rng: np.random.Generator, begin: int, seconds: float) -> pd.DataFrame:
    time, at = _clock(rng, begin, seconds, 1.0)
    opening = np.clip((at - 300) / 60, 0, 1) * np.clip((seconds - 300 - at) / 60, 0, 1)
    azimuth, _, _ = _pointing(at)
    temperature = 14.0 - 0.5 * at / 3600 + _wander(rng, len(at), 0.002)
    columns = {
        "time": time,
        "azimuth": azimuth.round(1),
        "opening": opening.round(3),
        "temperature": temperature.round(3),
    }
    return pd.DataFrame(columns)


def _mount(rng: np.random.Generator, begin: int, seconds: float) -> pd.DataFrame:
    time, at = _clock(rng, begin, seconds, 0.2)
    azimuth, altitude, tracking = _pointing(at)
    current = np.where(tracking, 0.8, 6.0) + rng.normal(0, 0.05, len(at))
    return pd.DataFrame(
        {"time": time, "azimuth": azimuth, "altitude": altitude, "current": current, "tracking": tracking}
    )


def _pointing(at: Any) -> tuple[Any, Any, Any]:
    """Azimuth and altitude in degrees, and whether the mount tracks: a new field each half hour."""
    field, within = np.divmod(at, _SLEWS_H * 3600)
    tracking = within > 20.0  # noqa: PLR2004 - seconds of a slew
    azimuth = (40 * field + 15 * within / 3600) % 360
    return azimuth, 55 + 15 * np.sin(field) + 2 * within / 3600, tracking


def _laser(rng: np.random.Generator, begin: int, seconds: float, name: str, troubles: Troubles) -> pd.DataFrame:
    time, at = _clock(rng, begin, seconds, 1.0)
    drift = troubles.drift if name == LASERS[1] else 0.0
    detuning = rng.normal(0, 0.01, len(at)) + drift * at / 3600
    power = 120 + _wander(rng, len(at), 0.005)
    locked = np.abs(detuning) < 1.0
    return pd.DataFrame(
        {"time": time, "laser": name, "power": power.round(3), "detuning": detuning.round(4), "locked": locked}
    )


def _camera(rng: np.random.Generator, begin: int, seconds: float, number: int) -> pd.DataFrame:
    time, at = _clock(rng, begin, seconds, 5.0)
    temperature = -20 + rng.normal(0, 0.05, len(at))
    power = 55 + _wander(rng, len(at), 0.05)
    return pd.DataFrame(
        {"time": time, "camera": number, "temperature": temperature.round(2), "cooler_power": power.round(1)}
    )


def _events(begin: int, seconds: float) -> pd.DataFrame:
    happened = [(300, "dome", "open"), (seconds - 240, "dome", "closed")]
    happened += [(field * _SLEWS_H * 3600, "mount", "slew") for field in range(int(seconds / 3600 / _SLEWS_H))]
    rows = [(begin + round(at * NS), device, event, "") for at, device, event in sorted(happened)]
    return pd.DataFrame(rows, columns=["time", "device", "event", "text"])


def _write(file: Path, table: pd.DataFrame) -> Path:
    if file.exists():
        raise ConflictError(f"{file} is there already", hint="Name a new folder.")
    file.parent.mkdir(parents=True, exist_ok=True)
    match file.suffix:
        case ".csv":
            table.to_csv(file, index=False)
        case ".jsonl":
            table.to_json(file, orient="records", lines=True)
        case _:
            table.to_parquet(file, index=False)
    return file
