"""Which functions the time of a block went to: looked at every few milliseconds from beside it."""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from types import FrameType
from typing import Self

from hven.pipeline.stacks import most_of
from hven.pipeline.worker import BlockJob, BlockResult, run_block

PERIOD_S = 0.005


def run_sampled_block(job: BlockJob | None) -> BlockResult | None:
    """Do as `run_block`, and tell which stacks took how many microseconds."""
    with Sampler() as sampler:
        result = run_block(job)
    return None if result is None else replace(result, stacks=sampler.most())


class Sampler:
    """Looks at the thread in which it was made, from another one.

    A stack is ``outer;...;inner``, each function as ``module:name``: what tools that draw flame graphs read. What C
    code does without Python is the time of the function that called it.

    Examples
    --------
    >>> with Sampler() as sampler:
    ...     _ = sorted(range(3_000_000), key=lambda n: -n)
    >>> sum(sampler.most().values()) > 0
    True
    """

    def __init__(self) -> None:
        self._watched = threading.get_ident()
        self._base = inspect.currentframe().f_back  # type: ignore[union-attr] # CPython has frames
        self._end = threading.Event()
        self._taken: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._look, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def most(self) -> Counter[str]:
        """Microseconds of the stacks that took most, and of all others together."""
        return most_of(self._taken)

    def _look(self) -> None:
        before = time.perf_counter()
        while not self._end.wait(PERIOD_S):
            stack = self._stack()
            now = time.perf_counter()
            self._taken[stack] += round((now - before) * 1e6)
            before = now

    def _stack(self) -> str:
        """Functions that the watched thread is in, below the one that made this sampler."""
        names = []
        frame: FrameType | None = sys._current_frames().get(self._watched)  # noqa: SLF001 - public
        while frame is not None and frame is not self._base:
            names.append(f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}")
            frame = frame.f_back
        return ";".join(reversed(names))
