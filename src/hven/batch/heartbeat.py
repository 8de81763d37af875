"""Whether the batch service gives signs of life: without it, jobs wait for nobody."""

from __future__ import annotations

import time
from pathlib import Path

from hven.core.settings import Settings

SILENT_S = 60.0
"""A service that was not heard of for so long is not running; `hven up` starts one again after the same time."""


def heartbeat_file(settings: Settings) -> Path:
    """File that the service rewrites every round; it removes it when it ends."""
    return settings.state / "heartbeats" / "batch"


def is_served(settings: Settings) -> bool:
    """Whether a batch service was heard of lately."""
    try:
        return time.time() - heartbeat_file(settings).stat().st_mtime <= SILENT_S
    except FileNotFoundError:
        return False
