"""Writes run directories byte for byte as the telescopes do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS, format_utc
from hven.instruments.panoseti.layouts import Layout, layouts_of
from hven.instruments.panoseti.names import FrameFileName, RunName
from hven.instruments.panoseti.pff import frame_bytes
from hven.instruments.panoseti.products import DataProduct
from hven.instruments.panoseti.recognise import HOUSEKEEPING_FILE, SENTINELS

MEGABYTE = 1_000_000
"""What `max_file_size_mb` of `data_config.json` counts in."""
_L0_NAMES = {"pkt_utc": "pkt_tai", "quabo_num": "quabo"}

Headers = Mapping[str, NDArray[np.int64]]
"""Header numbers by L0 variable name: dims (frame, quabo) for a module, (frame) for one quabo; zeros where missing."""


def header_table(headers: Headers, layout: Layout) -> NDArray[np.int64]:
    """Header numbers in the order of a layout, dims (frame, field)."""
    keys = dict.fromkeys(layout.keys)
    table = np.stack([np.asarray(headers[_L0_NAMES.get(k, k)], np.int64) for k in keys], axis=-1)
    return np.ascontiguousarray(table.reshape(len(table), -1))


@dataclass
class FrameWriter:
    """Appends frames to a sequence of files; a new one begins when the last is full.

    Parameters
    ----------
    folder
        Run directory.
    product
        What the frames are.
    module
        Number of the module.
    max_bytes
        Size after which a file is full.
    """

    folder: Path
    product: DataProduct
    module: int
    max_bytes: int = 4000 * MEGABYTE
    paths: list[Path] = field(default_factory=list)

    def append(self, start_ns: int, headers: Headers, images: NDArray[Any]) -> None:
        """Write frames; `start_ns` (UTC) goes into the name if a file begins here."""
        layout = layouts_of(self.product)[0]
        data = frame_bytes(self.product, layout, header_table(headers, layout), images)
        if not self.paths or self.paths[-1].stat().st_size >= self.max_bytes:
            name = FrameFileName(
                start_ns, self.product.name, self.product.bytes_per_pixel, self.module, len(self.paths)
            )
            self.paths.append(self.folder / str(name))
        with self.paths[-1].open("ab") as file:
            file.write(memoryview(data))


def begin_run(folder: Path, run: RunName, configurations: Mapping[str, Any]) -> Path:
    """Make a run directory with its configuration files; gives its path."""
    path = folder / str(run)
    path.mkdir(parents=True)
    for name, content in configurations.items():
        (path / name).write_text(json.dumps(content, indent=4))
    return path


def write_housekeeping(path: Path, readings: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Write `hk.pff` into a run directory: device and fields of each reading."""
    records = (json.dumps({device: dict(fields)}) + "\n\n" for device, fields in readings)
    (path / HOUSEKEEPING_FILE).write_text("".join(records))


def end_run(path: Path, end_ns: int, log: Iterable[str]) -> None:
    """Write the log and the files that say that the run is over and complete."""
    (path / "log.txt").write_text("".join(f"{line}\n" for line in log))
    for name in SENTINELS:
        (path / name).write_text(format_utc(end_ns // NS * NS).removesuffix("Z"))
