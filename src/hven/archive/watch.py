"""Watch folders for new files: polling, because network filesystems do not tell of changes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hven.archive.ingest import Archive
from hven.archive.results import FileState, Report
from hven.core.clock import now_ns
from hven.core.errors import CancelledError, HvenError
from hven.core.logging import get_logger
from hven.store.small_file import replace_text

HEARTBEAT = "ingest.json"
"""File in the state folder that says when the watcher last looked, and what it found."""

_BEAT_S = 5.0
_log = get_logger(__name__)


def watch(
    archive: Archive, paths: Sequence[Path], *, report: Callable[[Report], None] = lambda _report: None
) -> Report:
    """Poll until asked to stop (SIGTERM, SIGINT or `Archive.stop`); gives the last pass's report.

    A stop takes effect between blocks of work, within seconds.

    Parameters
    ----------
    archive
        Where files go.
    paths
        Folders to look at.
    report
        Called after each pass.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: archive.stop())
    last = Report()
    with _beating(archive, lambda: last):
        try:
            while True:
                last = _pass(archive, paths)
                report(last)
                if archive.wait(archive.settings.ingest.poll_s):
                    break
        except CancelledError:
            _log.info("stopped in the middle of a pass; the next run goes on from there")
    write_heartbeat(archive.settings.state, last, running=False)
    return last


@contextmanager
def _beating(archive: Archive, last: Callable[[], Report]) -> Iterator[None]:
    """Write the heartbeat in a thread: a pass over a large run takes hours."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(min(_BEAT_S, archive.settings.ingest.poll_s)):
            write_heartbeat(archive.settings.state, last(), running=True)

    thread = threading.Thread(target=beat, daemon=True)
    write_heartbeat(archive.settings.state, last(), running=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def write_heartbeat(state: Path, report: Report, *, running: bool) -> None:
    """Say in the state folder that ingest is alive, and how its last pass went."""
    content = {
        "pid": os.getpid(),
        "time_ns": now_ns(),
        "running": running,
        "files": {str(s): report.count(s) for s in FileState},
        "products": sum(1 for p in report.products if p.id and not p.reused),
        "errors": report.errors,
    }
    replace_text(state / HEARTBEAT, json.dumps(content, indent=1), durable=False)


def _pass(archive: Archive, paths: Sequence[Path]) -> Report:
    begun = time.monotonic()
    try:
        found = archive.ingest(paths, settle_s=archive.settings.ingest.settle_s, retry=False)
    except CancelledError:
        raise
    except HvenError as error:
        _log.error("a pass failed; trying again", error=error.message)
        found = Report(errors=[str(error)])
    if found.files:
        _log.info("passed", seconds=round(time.monotonic() - begun, 1), files=len(found.files))
    return found
