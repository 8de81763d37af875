"""What instruments have announced, kept under the data root: a copy of every line of their exposure logs, by night."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hven.archive.completeness.model import Place
from hven.core.clock import day_obs
from hven.model.exposure_log import SUFFIX, Announced, parse
from hven.registry.journal import Journal

FOLDER = Path("journal", "exposures")
"""Below the data root: `<instrument>/<day_obs>.jsonl`."""

_DEPTH = 3


def logs_below(path: Path) -> Iterator[Path]:
    """Exposure logs that lie at a path or beside the run folders below it, in order."""
    if path.is_file():
        yield from (path,) if path.name.endswith(SUFFIX) else ()
        return
    patterns = ["/".join(["*"] * depth + [f"*{SUFFIX}"]) for depth in range(_DEPTH)]
    found = {log for pattern in patterns for log in path.glob(pattern)}
    yield from sorted(log for log in found if log.is_file() and not _hidden(log.relative_to(path)))


def take(root: Path, log: Path, offset_hours: float) -> int:
    """Keep the lines of an exposure log that are new; the number of them.

    Raises
    ------
    DataError
        Names the line that is wrong; then none is kept.
    """
    by_night: dict[Place, list[Announced]] = defaultdict(list)
    for entry in parse(log.read_text(), log):
        by_night[Place(entry.instrument, day_obs(entry.start_ns, offset_hours))].append(entry)
    return sum(_keep(root, place, entries) for place, entries in by_night.items())


def announced(root: Path, place: Place) -> list[Announced]:
    """Every line that was kept of a night, oldest first."""
    return [Announced.model_validate(entry) for entry in Journal(file_of(root, place)).entries()]


def file_of(root: Path, place: Place) -> Path:
    """File that keeps a night's lines."""
    return root / FOLDER / place.instrument / f"{place.day_obs}.jsonl"


def nights(root: Path) -> Iterator[Place]:
    """Nights of which anything was announced."""
    for file in sorted((root / FOLDER).glob("*/[0-9]*.jsonl")):
        if file.stem.isdigit():
            yield Place(file.parent.name, int(file.stem))


def _keep(root: Path, place: Place, entries: list[Announced]) -> int:
    known = announced(root, place)
    last = {_unit(entry): entry for entry in known}
    new = []
    for entry in entries:
        if last.get(_unit(entry)) != entry and entry not in known:
            new.append(entry)
            last[_unit(entry)] = entry
    if new:
        Journal(file_of(root, place)).append(entry.model_dump(mode="json") for entry in new)
    return len(new)


def _unit(entry: Announced) -> tuple[str, str, tuple[tuple[str, object], ...]]:
    return entry.observation, entry.dataset_type, tuple(sorted(entry.data_id.items()))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
