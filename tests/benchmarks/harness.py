"""Interleaved medians of one run, printed beside their targets."""

from __future__ import annotations

import operator
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

SENSES = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Cost:
    """Seconds of one call: by the wall clock, and of this process and its children, those that live on included."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    value: float
    unit: str
    sense: str
    target: float
    note: str = ""

    @property
    def met(self) -> bool:
        return SENSES[self.sense](self.value, self.target)


def _cpu() -> float:
    ended = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    alive = [p.cpu_times() for p in psutil.Process().children()]
    return ended + sum(t.user + t.system + t.children_user + t.children_system for t in alive)


def measure(function: Callable[[], object]) -> Cost:
    """Cost of one call."""
    cpu, wall = _cpu(), time.perf_counter()
    function()
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def interleave(*functions: Callable[[], object], repeats: int = 5, warm: bool = True) -> list[Cost]:
    """Median cost of each function, called in turn A B A B, after one call of each that is not counted."""
    if warm:
        for function in functions:
            function()
    rounds = [[measure(f) for f in functions] for _ in range(repeats)]
    return [
        Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))
        for costs in zip(*rounds, strict=True)
    ]


def report(figures: Iterator[Figure], console: Console) -> bool:
    """Print each figure as it comes and all of them at the end; true when every target is met."""
    seen = []
    for figure in figures:
        seen.append(figure)
        console.print(f"{figure.name}: {figure.value:.4g} {figure.unit} (target {figure.sense} {figure.target:g})")
    table = Table("benchmark", "value", "unit", "target", "met", "note")
    for f in seen:
        table.add_row(f.name, f"{f.value:.4g}", f.unit, f"{f.sense} {f.target:g}", "yes" if f.met else "NO", f.note)
    console.print(table)
    return all(f.met for f in seen)
