"""What people are told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from hven.core.clock import NS, format_utc


class Severity(StrEnum):
    """How much it needs somebody: nobody, soon, now."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Parameters
    ----------
    key
        What it is about: the same key is the same message, and is told once.
    subject
        One line.
    text
        What happened, where, and what to do.
    time_ns
        When it happened.
    """

    key: str
    severity: Severity
    subject: str
    text: str
    time_ns: int

    @property
    def identity(self) -> str:
        """Digest of the key, by which receivers know a message that comes twice.

        Examples
        --------
        >>> Message("campaign/dr1/failed", Severity.ERROR, "dr1 failed", "", 0).identity[:12]
        '527756a54a3f'
        """
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]

    @property
    def when(self) -> str:
        """Time, to the second, in UTC."""
        return format_utc(self.time_ns // NS * NS)
