"""Where files of samples are dropped."""

from __future__ import annotations

from pathlib import Path

from hven.core.settings import Settings


def drop_folder(settings: Settings) -> Path:
    """Folder into whose folders, named after topics, files are dropped."""
    return settings.telemetry.drop or settings.root / "incoming" / "telemetry"
