"""Interleaved medians of one run, printed beside their targets."""

from __future__ import annotations

import json
import operator
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

_LEFT_FREE = 1 << 30
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
    facts: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Numbers with units that `hven plan` reads, by name."""

    @property
    def met(self) -> bool:
        return SENSES[self.sense](self.value, self.target)


def _cpu() -> float:
    ended = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    alive = [p.cpu_times() for p in psutil.Process().children(recursive=True)]
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


def fill_memory(folder: Path) -> None:
    """Fill free memory with the page cache, as that of a server that has been at work is filled.

    A virtual machine that gives free memory back to its host takes it again page by page: writing a file then costs
    2.4 CPU-s/GB instead of 0.3, whoever writes it. What is read is a file of zeros, which takes no place on the disk.
    """
    file, buffer = folder / "zeros", bytearray(16 << 20)
    with file.open("wb") as stream:
        stream.truncate(2 * psutil.virtual_memory().total)
    with file.open("rb", buffering=0) as stream:
        while psutil.virtual_memory().free > _LEFT_FREE and stream.readinto(buffer):
            pass


def remember(benchmark: str, figures: Iterator[Figure], file: Path) -> Iterator[Figure]:
    """Write the facts of figures down as they come; those of other benchmarks stay."""
    for figure in figures:
        if figure.facts:
            known = json.loads(file.read_text())["facts"] if file.exists() else {}
            now = datetime.now(UTC).isoformat(timespec="seconds")
            where = {"benchmark": benchmark, "machine": _machine(), "at": now}
            new = {name: {"value": value, "unit": unit, **where} for name, (value, unit) in figure.facts.items()}
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps({"facts": {**known, **new}}, indent=1))
        yield figure


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "a processor")
    return f"{os.cpu_count()} cores of {model}"


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
