"""A short series of drops that two cameras see, as files in memory."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

import numpy as np

from hven.core.settings import EngineSettings, LiveSettings, Settings
from hven.instruments.magis.files.write import encode
from hven.instruments.magis.simulator import Gradiometer, header

SEEN = Gradiometer(height=160, width=120, atoms=1e5, start_width=5e-4, fringe_period=8.0)
OBSERVATION = "test.20251022T050000Z"
DROPS = 6
_START_NS = 1_761_109_200 * 10**9


def series() -> dict[PurePath, bytes]:
    """Its files by path, in the order in which they are taken; one for each image."""
    rng, folder = np.random.default_rng(1), PurePath(f"{OBSERVATION}.series")
    found = {folder / "series.json": json.dumps(SEEN.configuration).encode()}
    for number in range(DROPS):
        for camera in (1, 2):
            drop = {"camera": camera, "drop": number, "time_ns": _START_NS + number * 10**9, "flight": 0.05,
                    "phase": rng.uniform(-3, 3), "width": 5e-4, "atoms": 1e5, "x": 60.0, "dy": 0.5}  # fmt: skip
            found[folder / f"camera_{camera}.{number:04d}.drops"] = encode((header(drop), SEEN.image(drop, rng)))
    return found | {folder / "series_complete": b""}


def site(folder: Path) -> Settings:
    """Settings of an observatory that has MAGIS, and its folders."""
    for name in ("data", "state"):
        (folder / name).mkdir()
    engine, live = EngineSettings(kind="inprocess"), LiveSettings(poll_s=0.01, patience_s=0.3)
    return Settings(root=folder / "data", state=folder / "state", instruments=("magis",), engine=engine, live=live)
