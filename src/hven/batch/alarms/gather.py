"""One look around: all sources asked at once, none of which can hold the others up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from hven.alarms.model import Round, Signal
from hven.core.clock import NS
from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

ANSWER_S = 5.0
"""A source that has not answered by then is left to itself, and says nothing in this round."""


@dataclass(frozen=True, slots=True)
class Place:
    """What sources look at: a site, its registry, the database of its jobs, and the time."""

    settings: Settings
    registry: DirectRegistry
    database: Database
    now_ns: int = 0

    def at(self, now_ns: int) -> Place:
        """The same at another time."""
        return replace(self, now_ns=now_ns)


Source = Callable[[Place], Iterable[Signal]]
"""Says what is so now."""


class Gatherer:
    """Asks sources, each in a thread of its own.

    Parameters
    ----------
    sources
        By name.
    answer_s
        How long they may take.
    """

    def __init__(self, sources: Mapping[str, Source], *, answer_s: float = ANSWER_S) -> None:
        self._sources = sources
        self._answer_s = answer_s
        self._threads = ThreadPoolExecutor(max(1, len(sources)), thread_name_prefix="hven-signals")
        self._asked: dict[str, tuple[int, Future[tuple[Signal, ...]]]] = {}

    def look(self, place: Place) -> Round:
        """Ask all that are not still thinking; how each fared is a signal of the source ``sources``."""
        for name, source in self._sources.items():
            if name not in self._asked:
                self._asked[name] = place.now_ns, self._threads.submit(_answer, source, place)
        wait([future for _, future in self._asked.values()], self._answer_s)
        signals: list[Signal] = []
        answered = {"sources"}
        for name in self._sources:
            problem, found = self._result(name, place.now_ns)
            signals += found
            signals.append(Signal("sources", name, float(bool(problem)), place.now_ns, text=problem))
            answered |= set() if problem else {name}
        return Round(tuple(signals), frozenset(answered))

    def _result(self, name: str, now_ns: int) -> tuple[str, tuple[Signal, ...]]:
        """What is the matter with a source, or what it said."""
        since_ns, future = self._asked[name]
        if not future.done():
            return f"has not answered for {(now_ns - since_ns) / NS:.0f} s", ()
        del self._asked[name]
        error = future.exception()
        return (f"{type(error).__name__}: {error}", ()) if error is not None else ("", future.result())

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _answer(source: Source, place: Place) -> tuple[Signal, ...]:
    return tuple(source(place))
