"""The operators' announcement: one line that everybody sees, on the hub's pages, the dashboards and in JupyterLab."""

from __future__ import annotations

import html
from pathlib import Path

from hven.core.errors import AccessDeniedError

VARIABLE = "HVEN_ANNOUNCEMENT"
"""Names the file in the environment of the platform's processes."""


def read_announcement(file: Path) -> str:
    """What is announced; empty for nothing."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def announce(file: Path, text: str) -> None:
    """Announce something, or nothing any more with an empty text.

    The file stays in its place: operators may write it, but not the folder it lies in.

    Raises
    ------
    AccessDeniedError
        When this user may not.
    """
    try:
        file.write_text(f"{' '.join(text.split())}\n")
    except PermissionError:
        raise AccessDeniedError(
            f"{file} is not yours to write", hint="Operators announce things, see docs/operator-guide.md."
        ) from None


def as_html(file: Path, more: str = "") -> str:
    """The announcement and a line of our own as they stand on a page."""
    return "<br>".join(html.escape(text) for text in (read_announcement(file), more) if text)
