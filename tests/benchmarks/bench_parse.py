"""Parse frames with all header fields, beside the official package where it is installed."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import Figure, interleave
from movie import write_movie

from hven.instruments import load

MEGABYTES = 200
ROWS = 16384


def figures() -> Iterator[Figure]:
    reader = load("panoseti").formats["panoseti.img16"]
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(write_movie(Path(folder), MEGABYTES).glob("*.dp_img16*.pff"))
        gigabytes = sum(p.stat().st_size for p in paths) / 1e9
        rows = reader.inspect(paths).rows

        def ours() -> None:
            for start in range(0, rows, ROWS):
                reader.read(paths, start, min(start + ROWS, rows))

        if importlib.util.find_spec("pypff") is None:
            (cost,) = interleave(ours, repeats=3)
            yield Figure("parse, all header fields", cost.cpu / gigabytes, "CPU-s/GB", "<=", 1.0)
            return
        import pypff

        def theirs() -> None:
            with pypff.PFFSequence(paths) as sequence:
                indices = np.arange(len(sequence))
                sequence.get_all_metadata()
                sequence.read_images(indices)

        our, their = interleave(ours, theirs, repeats=3)
        note = f"{our.cpu / gigabytes:.2f} CPU-s/GB against {their.cpu / gigabytes:.2f}"
        yield Figure("parse with all header fields against pypff", their.cpu / our.cpu, "x CPU", ">=", 5, note)
