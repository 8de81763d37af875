"""Where time went, in numbers: microseconds by stack of functions, ``outer;...;inner``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

MOST = 200
"""Different stacks that are told one by one."""

OTHERS = "(others)"

Sampled = Callable[[str, Mapping[str, int]], None]
"""Hears of a step which stacks took how many microseconds of one of its blocks."""


def most_of(taken: Counter[str]) -> Counter[str]:
    """The stacks that took most, and all others as one.

    Examples
    --------
    >>> most_of(Counter({"a": 2, "b": 1}))
    Counter({'a': 2, 'b': 1})
    """
    kept = Counter(dict(taken.most_common(MOST)))
    left = taken.total() - kept.total()
    return kept + Counter({OTHERS: left})
