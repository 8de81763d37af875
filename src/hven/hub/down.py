"""Take the platform down."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from hven.core.errors import ServiceUnavailableError
from hven.core.settings import Settings
from hven.hub.layout import Layout
from hven.hub.processes import same_process
from hven.hub.run_record import is_running, read_run
from hven.hub.up import end_remains

_PATIENCE_S = 75.0


def down(settings: Settings) -> bool:
    """End the platform of an observatory with everything it started.

    Returns
    -------
    False when nothing ran.

    Raises
    ------
    ServiceUnavailableError
        When its supervisor does not end.
    """
    layout = Layout.of(settings)
    record = read_run(layout)
    if record is None:
        return False
    if is_running(layout):
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE_S
        while same_process(record.pid, record.created):
            if time.monotonic() > until:
                raise ServiceUnavailableError(f"the supervisor, process {record.pid}, does not end")
            time.sleep(0.1)
    end_remains(layout)
    return True
