"""Collections of a campaign, by name: every attempt at a step has its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_ODD = re.compile(r"[^A-Za-z0-9._+-]")


def step_collection(home: str, step: str, attempt: int) -> str:
    """TAGGED collection of what an attempt at a step made or found.

    Examples
    --------
    >>> step_collection("panoseti/runs/dr1", "calibrate", 2)
    'panoseti/runs/dr1/calibrate/v2'
    """
    return f"{home}/{step}/v{attempt}"


def input_collection(home: str, step: str, attempt: int) -> str:
    """CHAINED collection in which its jobs look for their inputs.

    Examples
    --------
    >>> input_collection("panoseti/runs/dr1", "calibrate", 1)
    'panoseti/runs/dr1/calibrate/v1.in'
    """
    return f"{step_collection(home, step, attempt)}.in"


def group_run(home: str, step: str, attempt: int, group: str, tries: int) -> str:
    """RUN collection of the job of a group; another try has another.

    Examples
    --------
    >>> group_run("panoseti/runs/dr1", "calibrate", 1, "20251021", 1)
    'panoseti/runs/dr1/calibrate/v1/20251021'
    >>> group_run("panoseti/runs/dr1", "calibrate", 1, "20251021", 2)
    'panoseti/runs/dr1/calibrate/v1/20251021/2'
    """
    run = f"{step_collection(home, step, attempt)}/{group}"
    return run if tries == 1 else f"{run}/{tries}"


def group_names(combinations: Iterable[tuple[Any, ...]]) -> Mapping[tuple[Any, ...], str]:
    """Names of groups by the values that they stand for, each another.

    Examples
    --------
    >>> list(group_names([(20251021, 3), ("a b",), ("a-b",)]).values())
    ['20251021_3', 'a-b', 'a-b_2']
    """
    names: dict[tuple[Any, ...], str] = {}
    taken: set[str] = set()
    for values in combinations:
        name = base = _ODD.sub("-", "_".join(map(str, values)))[:80]
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[values] = name
    return names
