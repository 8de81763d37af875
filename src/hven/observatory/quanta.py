"""How many quanta are in which state; what a killed run left behind is not counted as running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.runner import lives

CUT_OFF = "cut off"
"""A quantum whose process has died while it ran; the same run again goes on from what is done."""


def count_quanta(records: Iterable[QuantumRecord]) -> dict[str, int]:
    """Quanta by state, in the order of the states, those that were `cut off` last."""
    alive = lru_cache(lives)  # a killed run leaves thousands of the same process
    found = Counter(
        CUT_OFF if r.state == QuantumState.RUNNING and alive(r.runner) is False else str(r.state) for r in records
    )
    return {state: found[state] for state in (*map(str, QuantumState), CUT_OFF)}
