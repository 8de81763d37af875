"""From raw files to L0: the conversion beside the official one, whole ingest beside a careful copy."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from harness import Figure, fill_memory, interleave
from movie import START, write_movie
from night import ingest, observatory

from hven.archive.convert import Source, convert, write
from hven.core.clock import NS
from hven.instruments import load
from hven.model.data_id import Level

MEGABYTES = 400
LONG_RUNS, SHORT_RUNS = (800, 2), (100, 4)
"""MB and number. PANOSETI begins a new file after 1000 to 4000 MB: the long ones are still short for a night."""
HOUR_NS = 3600 * NS
REPEATS = 3
BLOCK = 4 << 20
PANOSETI = load("panoseti")
TYPE = next(t for t in PANOSETI.dataset_types if t.level is Level.L0 and t.name == "panoseti.img16")


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_memory(folder)
        yield from _whole(folder)
        fill_memory(folder)
        yield from _conversion(folder)


def _conversion(folder: Path) -> Iterator[Figure]:
    run = write_movie(folder / "one", MEGABYTES)
    raw, gigabytes = _raw(run)
    reader = PANOSETI.formats[TYPE.name]
    source = Source(tuple(raw), reader, reader.inspect(raw), {})
    functions = [
        _afresh(folder / "written", lambda out: write(out, TYPE, source, check=lambda: None)),
        _afresh(folder / "proven", lambda out: convert(out, TYPE, source, check=lambda: None)),
    ]
    if importlib.util.find_spec("pypff") is not None:
        from pypff.io2 import PanosetiRun
        from pypff.zarr import convert_run

        functions.append(_afresh(folder / "peer", lambda out: convert_run(PanosetiRun(run), out)))
    written, proven, *peer = interleave(*functions, repeats=REPEATS)
    note = f"{gigabytes / written.wall:.2f} GB/s; with the proof from disk {proven.cpu / gigabytes:.2f} CPU-s/GB"
    yield Figure("conversion raw to L0", written.cpu / gigabytes, "CPU-s/GB", "<=", 2.0, note)
    for theirs in peer:
        note = f"pypff {theirs.cpu / gigabytes:.1f} CPU-s/GB; with our proof {theirs.cpu / proven.cpu:.1f}x"
        yield Figure("conversion against pypff", theirs.cpu / written.cpu, "x CPU", ">=", 5, note)


def _whole(folder: Path) -> Iterator[Figure]:
    """Recognise, check, copy, verify, convert, prove, publish and register some runs, beside the script."""
    (runs, gigabytes), (short_runs, few) = _runs(folder / "long", *LONG_RUNS), _runs(folder / "short", *SHORT_RUNS)
    ours, script, short = interleave(
        _afresh(folder / "site", lambda out: _ingest(out, runs)),
        _afresh(folder / "copy", lambda out: _careful_copy(runs, out)),
        _afresh(folder / "small", lambda out: _ingest(out, short_runs)),
        repeats=REPEATS,
    )
    facts = {
        "ingest.cpu_per_byte": (ours.cpu / gigabytes, "s / GB"),
        "ingest.l0.compression": (gigabytes * 1e9 / _stored(folder / "site"), ""),
    }
    note = (
        f"{LONG_RUNS[1]} runs of {LONG_RUNS[0]} MB, {gigabytes / ours.wall:.2f} GB/s; "
        f"{SHORT_RUNS[1]} runs of {SHORT_RUNS[0]} MB: {short.cpu / few:.2f} CPU-s/GB"
    )
    yield Figure("verified ingest", ours.cpu / gigabytes, "CPU-s/GB", "<=", 4.5, note, facts)
    note = (
        f"copy, fsync, sha256 at both ends: {gigabytes / script.wall:.2f} GB/s, {script.cpu / gigabytes:.1f} CPU-s/GB"
    )
    yield Figure("speed of ingest against careful copy", script.wall / ours.wall, "x", ">=", 0.5, note)


def _stored(folder: Path) -> int:
    """Bytes of the L0 product of images in the newest of some sites."""
    newest = max(folder.iterdir(), key=lambda path: int(path.name))
    return sum(p.stat().st_size for p in newest.rglob("panoseti.img16/**/data.zarr/**/*") if p.is_file())


def _afresh(folder: Path, function: Callable[[Path], object]) -> Callable[[], object]:
    """Call with a new folder each time; earlier ones go when the benchmark ends."""
    numbers = count()

    def call() -> None:
        out = folder / str(next(numbers))
        out.mkdir(parents=True)
        function(out)

    return call


def _runs(folder: Path, megabytes: int, number: int) -> tuple[list[Path], float]:
    """Some runs, an hour apart, and how many GB their images have."""
    runs = [write_movie(folder, megabytes, start=START + n * HOUR_NS) for n in range(number)]
    return runs, sum(_raw(run)[1] for run in runs)


def _raw(run: Path) -> tuple[list[Path], float]:
    """Image files of a run, and how many GB they hold."""
    files = sorted(run.glob("*.dp_img16*.pff"))
    return files, sum(p.stat().st_size for p in files) / 1e9


def _ingest(out: Path, runs: list[Path]) -> None:
    with observatory(out / "site") as obs:
        ingest(obs, *runs)


def _careful_copy(runs: list[Path], out: Path) -> None:
    for file in sorted(p for run in runs for p in run.rglob("*") if p.is_file()):
        target = out / file.parent.name / file.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)
        with target.open("rb") as copied:
            os.fsync(copied.fileno())
        assert _sha256(file) == _sha256(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
