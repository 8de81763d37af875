"""Several small items in one task of the engine: a task costs Dask over ten milliseconds of processor time."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

from hven.cluster.engine import Engine, Outcome

LEAST_S = 0.1
"""Work that is worth a task of its own."""

ENOUGH_S = 2.0
"""Work that shares its task with none: what is lost with a worker, and what giving way waits for, is to be small."""

_PROTOCOL = 5
_SHARES = 2
"""What is left to do is cut into so many tasks for each core, so that cores end together."""


@dataclass(frozen=True, slots=True)
class Pack[T, R]:
    """Items to be done one after the other, pickled: Dask would look at each object in them on its own."""

    function: Callable[[T], R]
    items: bytes


def run_pack(pack: Pack[Any, Any]) -> bytes:
    """Results of all items, pickled; what fails keeps none from being done, and is told without its error."""
    items = pickle.loads(pack.items)  # noqa: S301 - from `map_packed`
    return pickle.dumps([_try(pack.function, item) for item in items], _PROTOCOL)


def _try(function: Callable[[Any], Any], item: Any) -> tuple[bool, Any]:
    try:
        return True, function(item)
    except Exception:  # noqa: BLE001 - it is run again, alone, and then tells of its error as any other
        return False, None


def cut(seconds: Sequence[float], cores: int) -> list[range]:
    """Neighbours put together until they take long enough, but not so many that cores stand idle at the end.

    A task takes a share of what is left, from `LEAST_S` to `ENOUGH_S` ("guided self-scheduling").

    Parameters
    ----------
    seconds
        What each item is expected to take.
    cores
        Of the engine.

    Examples
    --------
    >>> cut([0.1] * 20, 1)
    [range(0, 10), range(10, 15), range(15, 18), range(18, 19), range(19, 20)]
    >>> cut([0.02, 1.0, 0.02], 1)
    [range(0, 1), range(1, 2), range(2, 3)]
    """
    left = sum(seconds)
    least = min(LEAST_S, left / (2 * cores))
    cuts, taken = [0], 0.0
    for index, wanted in enumerate(seconds):
        enough = min(max(left / (_SHARES * cores), least), ENOUGH_S) * (1 - 1e-9)
        if index > cuts[-1] and (taken >= enough or wanted >= enough):
            left -= taken
            cuts.append(index)
            taken = 0.0
        taken += wanted
    if seconds:
        cuts.append(len(seconds))
    return [range(begin, end) for begin, end in pairwise(cuts)]


class _Packs[T, R](Sequence[Pack[T, R]]):
    """Packs of items, made when the engine asks for them: until then items may be replaced."""

    def __init__(self, function: Callable[[T], R], items: Sequence[T], cuts: Sequence[range]) -> None:
        self._function, self._items, self._cuts = function, items, cuts

    def __len__(self) -> int:
        return len(self._cuts)

    @overload
    def __getitem__(self, index: int) -> Pack[T, R]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pack[T, R]]: ...
    def __getitem__(self, index: int | slice) -> Pack[T, R] | Sequence[Pack[T, R]]:
        if isinstance(index, slice):
            return _Packs(self._function, self._items, self._cuts[index])
        return Pack(self._function, pickle.dumps([self._items[i] for i in self._cuts[index]], _PROTOCOL))


def map_packed[T, R](
    engine: Engine, function: Callable[[T], R], items: Sequence[T], seconds: Sequence[float]
) -> Iterator[Outcome[R]]:
    """Outcomes of items as they complete, one for each, as `Engine.map` gives them.

    An item that fails in company, or whose company dies with its worker, is run once more, alone: failures stay where
    they belong.

    Parameters
    ----------
    engine, function, items
        As for `Engine.map`.
    seconds
        What each item is expected to take.
    """
    cuts = cut(seconds, engine.cores)
    if len(cuts) == len(items):
        yield from engine.map(function, items)
        return
    alone: list[int] = []
    for outcome in engine.map(run_pack, _Packs(function, items, cuts)):
        members = cuts[outcome.index]
        for index, (done, value) in zip(members, _results(outcome) or [(False, None)] * len(members), strict=True):
            if done:
                yield Outcome(index, value=value)
            else:
                alone.append(index)
    for last in engine.map(function, [items[index] for index in alone]):
        yield Outcome(alone[last.index], last.value, last.error)


def _results(outcome: Outcome[bytes]) -> list[tuple[bool, Any]]:
    """What `run_pack` gave; nothing where it failed."""
    return pickle.loads(outcome.value) if outcome.value else []  # noqa: S301 - from the engine's own worker
