"""The engine's seam: all that pipelines and batch know of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outcome[R]:
    """Result or error of one item; `index` is its place in the items given to `map`."""

    index: int
    value: R | None = None
    error: BaseException | None = None


class Engine(Protocol):
    """Runs a function over items. Failures of the machinery come as hven's own errors in `Outcome.error`."""

    @property
    def cores(self) -> int:
        """Threads that may work at the same time."""
        ...

    def map[T, R](self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[Outcome[R]]:
        """Run a module-level function over items; outcomes as they complete, in any order."""
        ...

    def cancel(self) -> None:
        """Stop what runs and drop what waits; `map` ends with CancelledError."""
        ...

    def close(self) -> None:
        """End workers that this engine started."""
        ...
