"""Time of `import hven` in a new interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from harness import Figure, interleave


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def figures() -> Iterator[Figure]:
    bare, hven = interleave(lambda: _run("pass"), lambda: _run("import hven"), repeats=9)
    yield Figure("import hven", hven.wall - bare.wall, "s", "<=", 0.3, "beyond a bare interpreter")
