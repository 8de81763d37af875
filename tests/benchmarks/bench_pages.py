"""Pages as one visitor gets them after warm-up: the server makes the whole document before it answers."""

from __future__ import annotations

import logging
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
from bokeh.server.auth_provider import NullAuth
from harness import Figure, measure

from hven.hub.layout import source_folder
from hven.service.page_keys import Keys
from hven.service.page_server import find_pages, make_server, warm_up
from hven.store.staging import unlock

sys.path.append(str(Path(__file__).parents[1] / "support"))
import small_night

METRICS = {
    "img16": {"partial_frames": (0.03, "1"), "frames": (2600.0, "1")},
    "ph1024": {"partial_frames": (0.001, "1")},
}
REPEATS = 10


def _visit(address: str) -> None:
    assert '"token"' in httpx.get(address, timeout=60).raise_for_status().text


def _times(address: str) -> list[float]:
    for _ in range(2):
        _visit(address)
    return sorted(measure(lambda: _visit(address)).wall for _ in range(REPEATS))


def figures() -> Iterator[Figure]:
    logging.getLogger("bokeh").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp())
    observatory = small_night.make(folder, metrics=METRICS)
    pages = find_pages(source_folder() / "dashboards")
    server = make_server(
        pages, observatory, url="http://127.0.0.1:0", prefix="/", public="127.0.0.1", auth=NullAuth(), keys=Keys()
    )
    warm_up(observatory)
    loop = threading.Thread(target=server.io_loop.start, daemon=True)
    loop.start()
    for name in pages:
        times = _times(f"http://127.0.0.1:{server.port}/{name}")
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
        yield Figure(
            f"page {name}, p95", p95, "s", "<=", 1.0, f"p50 {statistics.median(times):.3f} s, of {REPEATS} visits"
        )
    server.io_loop.add_callback(server.io_loop.stop)
    loop.join()
    observatory.close()
    unlock(folder)
    shutil.rmtree(folder)
