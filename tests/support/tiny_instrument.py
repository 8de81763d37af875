"""An instrument small enough to see through: frames of 44 bytes, in `<run>.tiny/cam<k>.<sequence>.raw`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hven.core.errors import FormatError
from hven.model.data_id import DataId, Level
from hven.model.dataset_type import DatasetType
from hven.model.instrument import Inspection, Instrument, RawFile, RawObservation
from hven.model.variable import Variable

FRAME = np.dtype([("marker", "S4"), ("time", "<i8"), ("pixels", "<u2", (4, 4))])
START_NS = 1_761_117_502_000_000_000

FRAMES = DatasetType(
    name="tiny.frames",
    level=Level.L0,
    form="array",
    keys=("instrument", "day_obs", "observation", "detector"),
    variables=(
        Variable("images", ("time", "y", "x"), "uint16", "count", "Pixels."),
        Variable("time", ("time",), "datetime64[ns]", "", "UTC time."),
    ),
    doc="Frames of a camera.",
    overviews=("images",),
)


class TinyFormat:
    def inspect(self, paths: Sequence[Path]) -> Inspection:
        rows, tails = [], []
        for path in paths:
            frames = _frames(path)
            wrong = np.flatnonzero(frames["marker"] != b"TINY")
            if wrong.size:
                raise FormatError(path, "no marker", frame=int(wrong[0]), offset=int(wrong[0]) * FRAME.itemsize)
            rows.append(len(frames))
            tails.append(path.stat().st_size % FRAME.itemsize)
        begins = np.cumsum([0, *rows]).tolist()
        return Inspection(begins[-1], tuple(begins[:-1]), tuple(tails))

    def read(self, paths: Sequence[Path], start: int, stop: int) -> xr.Dataset:
        frames = np.concatenate([_frames(path) for path in paths])[start:stop]
        images = FRAMES.variable("images")
        return xr.Dataset(
            {"images": (images.dims, frames["pixels"].astype("u2"), images.attrs)},
            {"time": ("time", frames["time"].view("datetime64[ns]"), {"scale": "utc"})},
        )

    def attrs(self, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
        return {"files": len(paths), "gain": configurations.get("config.json", {}).get("gain", 0)}

    def encode(self, dataset: xr.Dataset) -> Iterator[bytes]:
        frames = np.zeros(dataset.sizes["time"], FRAME)
        frames["marker"] = b"TINY"
        frames["time"] = dataset["time"].values.view("i8")
        frames["pixels"] = dataset["images"].values
        yield frames.tobytes()


def make_frames(count: int, *, seed: int = 0) -> bytes:
    generator = np.random.default_rng(seed)
    frames = np.zeros(count, FRAME)
    frames["marker"] = b"TINY"
    frames["time"] = START_NS + np.arange(count) * 1_000_000
    frames["pixels"] = generator.poisson(30, (count, 4, 4))
    return frames.tobytes()


def make_run(folder: Path, *, frames: int = 100, files: int = 2, complete: bool = True) -> Path:
    """A run of two cameras with a configuration and a log that hold a secret."""
    folder.mkdir(parents=True, exist_ok=True)
    for camera in (1, 2):
        for sequence in range(files):
            content = make_frames(frames, seed=10 * camera + sequence)
            (folder / f"cam{camera}.{sequence}.raw").write_bytes(content)
    (folder / "config.json").write_text('{"gain": 2.5, "url": "password=hunter2-config"}')
    (folder / "log.txt").write_text("began\nlogin password=hunter2-log\nended\n")
    if complete:
        (folder / "complete").touch()
    return folder


def recognise(path: Path) -> Iterator[RawObservation]:
    runs = [path] if path.suffix == ".tiny" else sorted(path.rglob("*.tiny"))
    for run in runs:
        files = [_file(p, p.relative_to(run).as_posix()) for p in sorted(run.rglob("*")) if p.is_file()]
        yield RawObservation("tiny", run.stem, START_NS, tuple(files), (run / "complete").exists())


def redact(_name: str, content: bytes) -> bytes:
    return re.sub(rb"password=[\w-]+", b"password=***", content)


def _file(path: Path, name: str) -> RawFile:
    if match := re.fullmatch(r"cam(\d+)\.(\d+)\.raw", path.name):
        return RawFile(path, name, "data", "tiny.frames", DataId(detector=int(match[1])), int(match[2]))
    roles = {"config.json": "configuration", "log.txt": "log", "complete": "sentinel"}
    return RawFile(path, name, roles.get(path.name, "data"))


def _frames(path: Path) -> np.ndarray:
    return np.fromfile(path, FRAME, count=path.stat().st_size // FRAME.itemsize)


INSTRUMENT = Instrument(
    name="tiny",
    title="Tiny",
    dataset_types=(FRAMES,),
    formats={"tiny.frames": TinyFormat()},
    recognise=recognise,
    redact=redact,
    simulate=lambda folder, **_: make_run(folder / "night.tiny"),
    resources=Path(__file__).parent,
)
