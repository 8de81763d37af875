"""A simulated night: some observations of good data and one, `Palomar_faults`, with faults."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from hven.core.clock import NS, day_obs_begin
from hven.core.errors import ConflictError
from hven.instruments.panoseti.lazy import FORMATS
from hven.instruments.panoseti.recognise import recognise
from hven.instruments.panoseti.simulator.faults import Faults
from hven.instruments.panoseti.simulator.run import Run, merge, write_run
from hven.model.exposure_log import SUFFIX, announce, encode

PALOMAR_OFFSET_HOURS = -20.0
FAULTS = Faults(dropped_packets=0.01, missing_quabo=0.02, hot_pixel=6.0, clouds=0.6, drifting_temperature=45.0)
"""What goes wrong in the observation named for it."""

_MINUTE_S = 60
_CYGNUS, _ANDROMEDA, _PLEIADES = (305.557, 40.257), (10.685, 41.269), (56.75, 24.117)


def night_runs(night: int, scale: float) -> tuple[Run, ...]:
    """Runs of a night: pulses in Cygnus, showers from Andromeda, and the Pleiades with faults.

    Parameters
    ----------
    night
        Observing day, YYYYMMDD.
    scale
        Factor on the length of every run; they begin later where earlier ones need the time.
    """
    evening = day_obs_begin(night, PALOMAR_OFFSET_HOURS) + 9 * 60 * _MINUTE_S * NS
    lengths = {"movie": 70.0 * scale, "events": 24.0 * _MINUTE_S * scale, "faults": 50.0 * scale}
    second = evening + _whole_minutes(lengths["movie"])
    third = second + _whole_minutes(lengths["events"])
    return (
        Run("Palomar", evening, _CYGNUS, movie_s=lengths["movie"], pulses=max(1, round(20 * scale))),
        Run("Palomar", second, _ANDROMEDA, events_s=lengths["events"]),
        Run(
            "Palomar_faults",
            third,
            _PLEIADES,
            movie_s=lengths["faults"],
            movie_hz=50.0,
            events_s=10.0 * _MINUTE_S * scale,
            faults=FAULTS,
        ),
    )


def simulate(folder: Path, *, night: int = 20251021, seed: int = 1, scale: float = 1.0) -> tuple[Path, ...]:
    """Write a night of run directories with their exposure log, and what is true of them beside them.

    Parameters
    ----------
    folder
        Made if it is not there.
    night
        Observing day, YYYYMMDD.
    seed
        The same seed gives the same bits.
    scale
        Factor on the length of the runs; 1 gives some 60 MB.

    Returns
    -------
    tuple of Path
        Truth files, in `truth/<night>/`: `pixels.parquet`, `pulses.parquet`, `events.parquet` (with chance triggers),
        `faults.parquet` and `night.json`.

    Raises
    ------
    ConflictError
        When the folder holds this night already.
    """
    runs = night_runs(night, scale)
    truth = Path(folder) / "truth" / str(night)
    for path in (truth, *(Path(folder) / str(r.run_name) for r in runs)):
        if path.exists():
            raise ConflictError(f"{path} is there already", hint="Simulate into another folder, or another night.")
    truth.mkdir(parents=True)
    tables = merge([write_run(Path(folder), run, seed) for run in runs])
    paths = [truth / f"{name}.parquet" for name in tables]
    for path, table in zip(paths, tables.values(), strict=True):
        table.to_parquet(path, index=False)
    _write_log(Path(folder), night, runs)
    facts = {"night": night, "seed": seed, "scale": scale, "runs": [str(r.run_name) for r in runs]}
    (truth / "night.json").write_text(json.dumps(facts, indent=2))
    return (*paths, truth / "night.json")


def _write_log(folder: Path, night: int, runs: Iterable[Run]) -> None:
    """Announce what the runs hold, as the data acquisition would."""
    taken = [observation for run in runs for observation in recognise(folder / str(run.run_name))]
    entries = [entry for observation in taken for entry in announce(observation, FORMATS.__getitem__, Path.read_bytes)]
    (folder / f"panoseti.{night}{SUFFIX}").write_text(encode(entries))


def _whole_minutes(seconds: float) -> int:
    return (int(seconds // _MINUTE_S) + 2) * _MINUTE_S * NS
