"""The large-file annex: files of devices that are no time series, kept whole and bound to a time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from hven.core.errors import ConfigurationError, DataError
from hven.model.telemetry import TIME, Kind, Topic
from hven.store.verified_copy import verified_copy
from hven.telemetry.samples import Appended
from hven.telemetry.segments import day_name
from hven.telemetry.store import TelemetryStore

FILES = "files"
"""Folder below a topic's own."""


def keep_file(store: TelemetryStore, topic: Topic, file: Path, time_ns: int) -> Appended:
    """Copy a file into the annex and note it at a time; the same file at the same time again changes nothing.

    Parameters
    ----------
    topic
        Of kind `files`.
    file
        What to keep; it stays where it is.
    time_ns
        To which it belongs, UTC.

    Raises
    ------
    ConfigurationError
        For a topic of another kind.
    DataError
        When the file cannot be read.
    """
    if topic.kind is not Kind.FILES:
        raise ConfigurationError(f"{topic.name} is a topic of {topic.kind}, which holds no files")
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    place = Path(FILES, day_name(time_ns), digest[:16], file.name)
    target = store.folder / topic.name / place
    if not target.exists():
        verified_copy(file, target)
    row = {TIME: time_ns, "file": file.name, "sha256": digest, "size": target.stat().st_size, "path": str(place)}
    return store.append(topic, pd.DataFrame([row]))


def files(store: TelemetryStore, topic: str, start_ns: int, end_ns: int) -> list[Path]:
    """Files of a topic at times in `[start_ns, end_ns)`, in order of time."""
    found = store.read(topic, ["path"], start_ns, end_ns)
    return [store.folder / topic / str(place) for place in found["path"].to_numpy()]
