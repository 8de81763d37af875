"""Which rows of its inputs a quantum gets, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hven.model.annotation import Times
from hven.pipeline import plan
from hven.store.read import read_rows, variable_names
from hven.store.unmarked import edges_of, kept


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a dataset: `[start, stop)`.

    `indices` replace them where rows are handed over in another order or not one after the other. Where some are left
    out, `numbers` are those of the others in the order of the slot; `marked` says of every row whether it is.
    """

    start: int
    stop: int
    indices: NDArray[np.int64] | None = None
    numbers: NDArray[np.int64] | None = None
    marked: NDArray[np.bool_] | None = None

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """Numbers of the rows in the order of the slot."""
        return np.arange(self.start, self.stop) if self.numbers is None else self.numbers

    @property
    def row_marks(self) -> NDArray[np.bool_]:
        """Whether each row is marked."""
        return np.zeros(self.stop - self.start, np.bool_) if self.marked is None else self.marked


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are handed over.

    Parameters
    ----------
    total
        Rows of the dataset.
    order
        All of them in the order of the slot; None as they stand.
    kept
        Places in that order of those that are not left out; None for all.
    marked
        Of all, in that order, where none is left out though some are marked; else None.
    """

    total: int
    order: plan.Order = None
    kept: NDArray[np.int64] | None = None
    marked: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Rows that are handed over."""
        return self.total if self.kept is None else len(self.kept)

    @property
    def indices(self) -> plan.Order:
        """Rows as they are handed over; None for all of them as they stand."""
        if self.kept is None or self.order is None:
            return self.order if self.kept is None else self.kept
        return self.order[self.kept]

    def part(self, start: int, stop: int) -> Part:
        """Rows `[start, stop)` of those that are handed over."""
        if self.kept is None:
            marked = None if self.marked is None else self.marked[start:stop]
            return Part(start, stop, None if self.order is None else self.order[start:stop], marked=marked)
        numbers = self.kept[start:stop]
        if not len(numbers):
            return Part(0, 0, None, numbers)
        if self.order is not None:
            return Part(start, stop, self.order[numbers], numbers)
        if numbers[-1] - numbers[0] == len(numbers) - 1:  # a slice is read faster
            return Part(int(numbers[0]), int(numbers[-1]) + 1, None, numbers)
        return Part(start, stop, numbers, numbers)


def rows_of(folder: Path, total: int, order: str, times: Times, *, every_row: bool = False) -> Rows:
    """Rows of a product in the order of a coordinate, if one is named.

    Those that lie in some times are left out, or known as marked where every row is wanted.
    """
    places = plan.row_order(folder, order, total) if order else None
    edges = edges_of(variable_names(folder)) if times else ()
    if not edges:
        return Rows(total, places)
    found = kept(read_rows(folder, edges, 0, total), times)
    if len(found) == total:
        return Rows(total, places)
    outside = np.zeros(total, np.bool_)
    outside[found] = True
    outside = outside if places is None else outside[places]
    return Rows(total, places, marked=~outside) if every_row else Rows(total, places, np.flatnonzero(outside))
