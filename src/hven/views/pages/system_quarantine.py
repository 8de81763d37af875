"""Raw files that were not taken: which, of what size, why and when."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path

from hven.archive.quarantine import QuarantineRecord
from hven.views import formats, markup

SHOWN = 20
KNOWN = 10_000

Line = tuple[int, list[markup.Cell]]
"""When a file came into quarantine, and its row of the table."""


def records(root: Path) -> list[Path]:
    """All records, a file each."""
    return list((root / "quarantine").rglob("*.json"))


def shown(files: list[Path]) -> str:
    """Files in quarantine, the newest first."""
    head = markup.heading("Quarantine", f"{len(files):,} files" if files else "")
    if not files:
        return head + markup.empty("Nothing in quarantine", "Every raw file was accepted.")
    rows = [row for _, row in sorted(map(_line, files), key=lambda line: line[0], reverse=True)[:SHOWN]]
    left = len(files) - len(rows)
    more = f"<p class='quiet'>{left:,} more are older.</p>" if left else ""
    return head + markup.table(["File as delivered", "Observation", "Size", "Reason", "When (UTC)"], rows) + more


def _line(file: Path) -> Line:
    try:
        return _read(file, file.stat().st_mtime_ns)
    except OSError as error:
        return 0, _unreadable(file, error.strerror or "it cannot be read")


@lru_cache(maxsize=KNOWN)
def _read(file: Path, changed_ns: int) -> Line:
    try:
        record = QuarantineRecord.model_validate_json(file.read_bytes())
        return record.time_ns, _row(record)
    except (ValueError, OverflowError):
        return changed_ns, _unreadable(file, "it is no record of a file")


def _row(record: QuarantineRecord) -> list[markup.Cell]:
    return [
        (escape(record.path), "wrap"), (escape(record.observation), "wrap"), (formats.size(record.bytes), "number"),
        (escape(record.reason), "wrap"), (formats.utc(record.time_ns), "name"),
    ]  # fmt: skip


def _unreadable(file: Path, why: str) -> list[markup.Cell]:
    reason = f"The record {file.name} does not say: {why}."
    missing = formats.MISSING
    return [(missing, "wrap"), (missing, "wrap"), (missing, "number"), (escape(reason), "wrap"), (missing, "name")]
