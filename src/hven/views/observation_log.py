"""What the instrument wrote down during an observation: the logs that were archived with it."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from hven.archive import raw_manifest
from hven.model.product import Product
from hven.store.paths import raw_folder
from hven.views import markup

LAST_BYTES = 20_000
"""Of each log its end is shown, up to so much."""


def shown(root: Path, raw: Product) -> str:
    """The ends of all logs of a raw product's observation."""
    data_id = raw.ref.data_id
    folder = root / raw_folder(str(data_id["instrument"]), int(data_id["day_obs"]), str(data_id["observation"]))
    manifest = raw_manifest.load(folder.parent)
    logs = [record for record in (manifest.files if manifest else ()) if record.role == "log"]
    if not logs:
        return markup.empty("No log", "None was left with this observation.")
    return "".join(_log(record.name, record.bytes, folder / record.name) for record in logs)


def _log(name: str, size: int, file: Path) -> str:
    note = f"{size:,} bytes, redacted" + (", the end" if size > LAST_BYTES else "")
    return markup.heading(name, note) + f"<pre>{escape(_end(file))}</pre>"


def _end(file: Path) -> str:
    """The last whole lines."""
    try:
        with file.open("rb") as stream:
            cut = max(0, stream.seek(0, os.SEEK_END) - LAST_BYTES)
            stream.seek(cut)
            content = stream.read()
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return (content.partition(b"\n")[2] if cut else content).decode(errors="replace")
