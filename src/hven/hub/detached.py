"""Bring the platform up in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hven.core.errors import ServiceUnavailableError
from hven.core.settings import Settings
from hven.hub.layout import Layout, last_lines
from hven.hub.run_record import RunRecord, read_run


def up_detached(
    settings: Settings,
    *,
    progress: Callable[[str], None],
    ready: Callable[[RunRecord], None],
    raw: Path | None = None,
    data: bool = True,
) -> None:
    """Start `hven up` in a session of its own and wait until everything answers.

    Raises
    ------
    ServiceUnavailableError
        When it ends before; the message ends with the last lines of its log.
    """
    layout = Layout.of(settings)
    layout.create()
    log = layout.logs / "up.log"
    arguments = [
        "up",
        "--port",
        str(settings.hub.port),
        *([] if data else ["--no-data"]),
        *(["--raw", str(raw)] if raw else []),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [str(Path(sys.executable).with_name("hven")), *arguments],
            env={**os.environ, "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    progress(f"Starting; {log} says how far it is")
    while process.poll() is None:
        record = read_run(layout)
        if record is not None and record.pid == process.pid and record.phase == "ready":
            ready(record)
            return
        time.sleep(0.2)
    raise ServiceUnavailableError(f"the platform did not come up:\n{last_lines(log)}")
