"""Bring the platform up in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hven.core.errors import HvenError, ServiceUnavailableError
from hven.core.logging import configure, get_logger
from hven.core.settings import Settings, load_settings
from hven.hub.layout import Layout, last_lines
from hven.hub.run_record import RunRecord, read_run
from hven.hub.up import up


def up_detached(
    settings: Settings,
    *,
    progress: Callable[[str], None],
    ready: Callable[[RunRecord], None],
    raw: Path | None = None,
    data: bool = True,
) -> None:
    """Start the platform in a session of its own and wait until everything answers.

    Raises
    ------
    ServiceUnavailableError
        When it ends before; the message ends with the last lines of its log.
    """
    layout = Layout.of(settings)
    layout.create()
    log = layout.logs / "up.log"
    asked = {"port": settings.hub.port, "raw": str(raw.absolute()) if raw else None, "data": data}
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "hven.hub.detached", json.dumps(asked)],
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


def main(arguments: str) -> int:
    """Run the platform in this process, as `up_detached` asked for; nothing that it logs is secret."""
    configure(json=False)
    log = get_logger(__name__)
    asked = json.loads(arguments)
    try:
        up(
            load_settings().with_port(asked["port"]),
            progress=log.info,
            ready=lambda record: log.info("ready", address=record.address),
            raw=Path(asked["raw"]) if asked["raw"] else None,
            data=asked["data"],
        )
    except HvenError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
