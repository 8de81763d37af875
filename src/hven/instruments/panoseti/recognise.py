"""Finds observations: run directories and loose files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from hven.core.clock import NS
from hven.core.errors import FormatError
from hven.instruments.panoseti.names import FrameFileName, compact, parse_file_name, parse_run_name
from hven.model.data_id import DataId
from hven.model.instrument import RawFile, RawObservation, Role

INSTRUMENT = "panoseti"
COMPLETE = "run_complete"
SENTINELS = ("recording_ended", "collect_complete", COMPLETE)
HOUSEKEEPING_FILE = "hk.pff"


def recognise(path: Path) -> Iterator[RawObservation]:
    """Observations below a path, in order of name.

    Parameters
    ----------
    path
        A run directory (`*.pffd`), a file of frames, or a folder of either. A file in a run directory gives its run.
    """
    path = Path(path)
    run = next((p for p in (path, *path.parents) if parse_run_name(p.name)), None)
    if (run or path).is_dir() and not _is_open(run or path):
        return
    if run:
        yield _run(run)
    elif path.is_dir():
        yield from _folder(path)
    elif path.is_file():
        yield from _loose(path.parent.iterdir(), only=path)


def _folder(folder: Path) -> Iterator[RawObservation]:
    children = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    yield from _loose((p for p in children if p.is_file()), only=None)
    for child in children:
        if child.is_dir() and not child.is_symlink() and _is_open(child):
            yield from (_run(child),) if parse_run_name(child.name) else _folder(child)


def _run(folder: Path) -> RawObservation:
    name = parse_run_name(folder.name)
    if name is None:
        raise AssertionError(folder)
    found = sorted(p for p in _below(folder) if p.is_file() and not p.is_symlink())
    files = [_file(p, p.relative_to(folder).as_posix()) for p in found]
    complete = (folder / COMPLETE).exists()
    return RawObservation(INSTRUMENT, name.observation, name.start_ns, tuple(sorted(files, key=_order)), complete)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder but what is hidden: copiers deliver under hidden names first."""
    for base, folders, names in folder.walk():
        folders[:] = [name for name in folders if not name.startswith(".")]
        if _is_open(base):
            yield from (base / name for name in names if not name.startswith("."))


def _is_open(folder: Path) -> bool:
    """Whether it can be looked into; the archive tells of those that cannot."""
    return os.access(folder, os.R_OK | os.X_OK)


def _file(path: Path, name: str) -> RawFile:
    try:
        frames = parse_file_name(path.name)
    except FormatError as error:
        return RawFile(path, name, "data", problem=error.problem)
    if frames:
        return _frame_file(path, name, frames)
    if path.name == HOUSEKEEPING_FILE:
        return RawFile(path, name, "data", f"{INSTRUMENT}.housekeeping")
    return RawFile(path, name, _role(path.name))


def _role(name: str) -> Role:
    if name in SENTINELS:
        return "sentinel"
    if name.endswith(".pff"):
        return "data"
    return "configuration" if name.endswith((".json", ".config")) else "log"


def _frame_file(path: Path, name: str, frames: FrameFileName) -> RawFile:
    data_id = DataId(detector=frames.module)
    return RawFile(path, name, "data", f"{INSTRUMENT}.{frames.product}", data_id, frames.sequence)


def _order(file: RawFile) -> tuple[str, DataId, int, str]:
    return file.dataset_type, file.data_id, file.sequence, file.name


def _loose(paths: Iterable[Path], *, only: Path | None) -> Iterator[RawObservation]:
    """Loose files with the same start; later files of a sequence belong to the start of its first."""
    named: list[tuple[Path, FrameFileName]] = []
    for path in filter(Path.is_file, paths):
        try:
            named += [(path, name)] if (name := parse_file_name(path.name)) else []
        except FormatError as error:
            yield from [_misnamed(path, error.problem)] if only in (None, path) else []
    started = sorted(_starts(named), key=lambda item: (item[0], _order(item[1])))
    for start_ns, group in groupby(started, key=lambda item: item[0]):
        files = tuple(f for _, f in group if only in (None, f.path))
        if files:
            yield RawObservation(INSTRUMENT, f"loose.{compact(start_ns)}", start_ns, files, complete=False)


def _misnamed(path: Path, problem: str) -> RawObservation:
    """A loose file whose name cannot be; it is told of under the time at which it was written."""
    written_ns = int(path.stat().st_mtime) * NS
    file = RawFile(path, path.name, "data", problem=problem)
    return RawObservation(INSTRUMENT, f"loose.{compact(written_ns)}", written_ns, (file,), complete=False)


def _starts(named: list[tuple[Path, FrameFileName]]) -> Iterator[tuple[int, RawFile]]:
    first: dict[tuple[str, int], tuple[int, int]] = {}
    for path, name in sorted(named, key=lambda item: (item[1].start_ns, item[1].sequence)):
        key = (name.product, name.module)
        start_ns, sequence = first.get(key, (0, -1))
        follows = name.sequence == sequence + 1 and name.sequence
        first[key] = (start_ns if follows else name.start_ns, name.sequence)
        yield first[key][0], _frame_file(path, path.name, name)
