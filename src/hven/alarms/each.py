"""Rules that stand for many: one of its own for each kind of reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hven.alarms.model import FAMILY, Signal
from hven.alarms.rules import Rule


def expanded(rules: Sequence[Rule], signals: Sequence[Signal], known: Iterable[str]) -> list[Rule]:
    """Rules, with those of `each` replaced by one for each kind of reading that they see, or of which there are alarms.

    Parameters
    ----------
    rules
        As they were loaded.
    signals
        What is seen now.
    known
        Names of rules of which something is remembered.

    Examples
    --------
    >>> rule = Rule(name="quality", source="quality", kind="threshold", upper=1, each=True, says="bad")
    >>> [r.name for r in expanded([rule], [Signal("quality", "img16/254/wr_locked", 2, 0)], ["quality/gap"])]
    ['quality/gap', 'quality/wr_locked']
    """
    names = list(known)
    return [one for rule in rules for one in (_of_each(rule, signals, names) if rule.each else [rule])]


def _of_each(rule: Rule, signals: Sequence[Signal], known: Iterable[str]) -> Iterator[Rule]:
    parts = {signal.key.rpartition("/")[2] for signal in signals if rule.watches(signal)}
    parts |= {part for name, _, part in (name.partition(FAMILY) for name in known) if name == rule.name and part}
    for part in sorted(parts):
        yield rule.model_copy(update={"name": f"{rule.name}{FAMILY}{part}", "keys": f"*/{part}", "each": False})
