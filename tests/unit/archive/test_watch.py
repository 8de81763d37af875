from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tiny_instrument import make_run

from hven.archive.results import Report
from hven.archive.watch import HEARTBEAT, watch
from hven.store.index import iter_products

WATCHER = """
import sys
from pathlib import Path
import tiny_instrument
from hven.archive.ingest import Archive
from hven.archive.watch import watch
from hven.core.settings import IngestSettings, Settings
from hven.registry.direct import DirectRegistry
root = Path(sys.argv[1])
settings = Settings(root=root / "data", state=root / "state", ingest=IngestSettings(poll_s=0.1, settle_s=3600))
with DirectRegistry(settings.registry_url, settings.root) as registry:
    watch(Archive(settings, registry, [tiny_instrument.INSTRUMENT]), [Path(sys.argv[2])])
"""


def test_a_run_that_arrives_while_watching_is_taken_and_sigterm_ends_gracefully(tmp_path: Path):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (tmp_path / "state").mkdir()
    support = Path(__file__).parents[2] / "support"
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(tmp_path), str(incoming)],
        env={**os.environ, "PYTHONPATH": str(support)},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait((tmp_path / "state" / HEARTBEAT).exists)
        make_run(incoming / "night.tiny")
        _wait(lambda: len(list(iter_products(tmp_path / "data"))) == 2)
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(timeout=30) == 0
    finally:
        watcher.kill()
        watcher.wait()

    beat = json.loads((tmp_path / "state" / HEARTBEAT).read_text())
    assert (beat["running"], beat["pid"]) == (False, watcher.pid)


def test_a_folder_that_is_not_there_is_said_in_the_heartbeat_and_looked_for_again(archive, tmp_path: Path):
    reports: list[Report] = []

    def look(report: Report) -> None:
        reports.append(report)
        if len(reports) == 1:
            make_run(tmp_path / "later" / "night.tiny")
        else:
            archive.stop()

    previous = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        watch(archive, [tmp_path / "later"], report=look)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

    assert "no file or folder" in reports[0].errors[0]
    assert reports[1].exit_code == 0
    assert len(reports[1].products) == 2


def _wait(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
