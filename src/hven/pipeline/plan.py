"""Cut a quantum into blocks: whole shards of the output, or whole cells of a time grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hven.core.clock import NS
from hven.core.errors import DataError
from hven.model.task import Block, Config, Task
from hven.store.read import open_product, read_rows

LEAST_BYTES = 64 << 20
"""Less input than this is not worth a block: about 100 ms of work."""

MOST_BYTES = 1 << 30
"""Memory that one block may take, as far as whole shards and cells allow."""

_TIMES_AT_ONCE = 4 << 20

Order = NDArray[np.int64] | None
"""Row numbers in the order of a coordinate; None where rows are in order as they stand."""


@dataclass(frozen=True, slots=True)
class Span:
    """Own rows `[start, stop)` of a block, and the halo that is there on either side."""

    start: int
    stop: int
    before: int = 0
    after: int = 0


def block_length(task: Task, *, row_bytes: float, shard: int, asked: int | None = None) -> int:
    """Rows to a block: what the task wishes, enough work, not too much memory, whole shards.

    Parameters
    ----------
    task
        Declares the block and its memory.
    row_bytes
        Bytes of one row of all sliced inputs.
    shard
        Blocks begin at multiples of so many rows.
    asked
        Replaces the choice; rounded up to whole shards.
    """
    if asked is None:
        wished = max(task.block.length if task.block else 1, LEAST_BYTES / max(row_bytes, 1e-9))
        most = MOST_BYTES / max(row_bytes * task.resources.memory_per_input_byte, 1e-9)
        asked = int(min(wished, most))
        return max(1, asked // shard) * shard
    return math.ceil(asked / shard) * shard


def row_spans(rows: int, length: int, halo: int) -> list[Span]:
    """Blocks of equal length.

    Examples
    --------
    >>> row_spans(5, 4, 1)
    [Span(start=0, stop=4, before=0, after=1), Span(start=4, stop=5, before=1, after=0)]
    """
    stops = [min(start + length, rows) for start in range(0, rows, length)]
    return _with_halo([(stop - 1) // length * length for stop in stops], stops, rows, halo)


def grid_spans(edges: Sequence[int], rows: int, length: int, halo: int) -> list[Span]:
    """Blocks of whole cells with at least `length` rows where there are so many.

    Parameters
    ----------
    edges
        First row of each cell.

    Examples
    --------
    >>> grid_spans([0, 2, 3, 9], 10, 3, 0)
    [Span(start=0, stop=3, before=0, after=0), Span(start=3, stop=9, before=0, after=0),
     Span(start=9, stop=10, before=0, after=0)]
    """
    starts = [0] if rows else []
    for edge in edges:
        if starts and edge - starts[-1] >= length:
            starts.append(int(edge))
    return _with_halo(starts, [*starts[1:], rows] if starts else [], rows, halo)


def _with_halo(starts: Sequence[int], stops: Sequence[int], rows: int, halo: int) -> list[Span]:
    pairs = zip(starts, stops, strict=True)
    return [Span(a, b, min(halo, a), min(halo, rows - b)) for a, b in pairs]


def row_order(folder: Path, coordinate: str, rows: int) -> Order:
    """Stable order of the rows by a coordinate; None where they are in order."""
    last = None
    for values in _parts(folder, coordinate, rows):
        if (values[1:] < values[:-1]).any() or (last is not None and values[0] < last):
            whole = np.concatenate(list(_parts(folder, coordinate, rows)))
            return np.argsort(whole, kind="stable")
        last = values[-1]
    return None


def cell_edges(folder: Path, coordinate: str, rows: int, cell_s: float, order: Order) -> list[int]:
    """First row, in order, of each cell of a grid anchored at 1970.

    Raises
    ------
    DataError
        When rows go backwards and the slot names no order.
    """
    edges: list[int] = []
    before, start = None, 0
    for values in _parts(folder, coordinate, rows, order):
        cells = values // round(cell_s * NS)
        joined = cells if before is None else np.concatenate([[before], cells])
        steps = np.diff(joined)
        if (steps < 0).any():
            raise DataError(f"{folder.parent.name}: {coordinate} goes backwards", hint="Give the slot an order.")
        edges += (np.flatnonzero(steps) + start + (before is None)).tolist()
        before, start = cells[-1], start + len(cells)
    return [0, *edges]


def _parts(folder: Path, coordinate: str, rows: int, order: Order = None) -> Iterator[NDArray[np.int64]]:
    if order is not None:
        yield np.concatenate(list(_parts(folder, coordinate, rows)))[order]
        return
    for start in range(0, rows, _TIMES_AT_ONCE):
        part = read_rows(folder, [coordinate], start, min(start + _TIMES_AT_ONCE, rows))
        yield _as_int(part[coordinate].values)


def _as_int(values: NDArray[Any]) -> NDArray[np.int64]:
    return values.view(np.int64) if values.dtype.kind == "M" else values


def cell_seconds(block: Block, config: Config) -> float:
    """Cell length of a time grid, from the config field that the block names."""
    return float(getattr(config, block.every_s))


def bytes_per_row(folder: Path, names: Sequence[str], row_dim: str) -> float:
    """Bytes of one row of some variables in memory, of those that are there."""
    variables = open_product(folder, chunks=None, indexes=False).variables
    sizes = [variables[n] for n in names if n in variables and row_dim in variables[n].dims]
    return float(sum(v.dtype.itemsize * math.prod(v.shape[1:]) for v in sizes))
