"""`make bench`: one benchmark after the other, figures beside their targets."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import Figure, remember, report
from rich.console import Console

HERE = Path(__file__).parent
MEASURED = HERE.parents[1] / ".bench" / "measured.json"
"""What `hven plan` reads."""


def figures(names: list[str]) -> Iterator[Figure]:
    modules = sorted(p.stem for p in HERE.glob("bench_*.py"))
    for name in [f"bench_{n}" for n in names] or modules:
        yield from remember(name, importlib.import_module(name).figures(), MEASURED)


if __name__ == "__main__":
    sys.exit(0 if report(figures(sys.argv[1:]), Console(width=150)) else 1)
