"""Registry through the API, in a process of its own: one dataset, ten thousand rows; the hub's proxy is not in it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench_registry import BATCH, TYPE, _products
from harness import Figure

from hven.core.logging import configure
from hven.core.settings import Settings
from hven.observatory import connect
from hven.registry.direct import DirectRegistry
from hven.registry.remote import RemoteRegistry

ROWS = 50_000
MANY = 10_000
LOOK_UPS = 500
SUPPORT = Path(__file__).parents[1] / "support"


def figures() -> Iterator[Figure]:
    """Median of one look-up, and of a long answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        products = _products(ROWS)
        with DirectRegistry(f"sqlite:///{folder}/registry.sqlite", folder / "data") as direct:
            for start in range(0, ROWS, BATCH):
                direct.register(products[start : start + BATCH], inputs={})
            local = statistics.median(_seconds(lambda: direct.find(TYPE, limit=MANY)) for _ in range(3))
        server = subprocess.Popen(
            [sys.executable, __file__, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert server.stdout is not None
        remote = RemoteRegistry(server.stdout.readline().decode().strip(), "token bench.read")
        refs = [p.ref for p in products[:: ROWS // LOOK_UPS]]
        remote.find_one(refs[0])
        look_up = statistics.median(_seconds(lambda ref=ref: remote.find_one(ref)) for ref in refs)
        many = statistics.median(_seconds(lambda: remote.find(TYPE, limit=MANY)) for _ in range(3))
        remote.close()
        server.communicate()
    yield Figure("API: one dataset", 1e3 * look_up, "ms", "<=", 10.0, f"among {ROWS:,}")
    yield Figure("API: 10,000 rows", many, "s", "<=", 2.0, f"{many / local:.1f} times the database itself")


def _seconds(function: object) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def _serve(folder: Path) -> None:
    """Serve until standard input ends."""
    sys.path.insert(0, str(SUPPORT))
    import guest_api

    configure(json=True)
    with connect(Settings(root=folder / "data", state=folder)) as observatory, guest_api.serve(observatory) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
