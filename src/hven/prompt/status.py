"""How live processing stands: counts, rates and lags, for people and for the control system."""

from __future__ import annotations

import json
import os
import statistics
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hven.core.clock import NS, now_ns
from hven.store.small_file import replace_text

STATUS = "status.json"
_RECENT_NS = 60 * NS
_SAID = 20


@dataclass(slots=True)
class Status:
    """Counts since the start, and what the last minute was like; safe to use from several threads.

    Parameters
    ----------
    received, stored, analysed, failed
        Data files that came, were written down, gave results, gave none.
    waited_s
        Seconds for which the source was kept waiting because memory was full and the disk slow.
    latencies
        Seconds from each file's arrival to the publication of its results.
    """

    pipeline: str
    received: int = 0
    stored: int = 0
    analysed: int = 0
    failed: int = 0
    bytes: int = 0
    waited_s: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=_SAID))
    trouble: str = ""
    _recent: deque[tuple[int, float]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, **counts: float) -> None:
        """Add to counts."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def published(self, arrived_ns: int) -> None:
        """Results of a file are out."""
        now = now_ns()
        with self._lock:
            self.analysed += 1
            self.latencies.append((now - arrived_ns) / NS)
            self._recent.append((now, self.latencies[-1]))

    def fail(self, file: str, reason: str) -> None:
        """A file gave no results."""
        with self._lock:
            self.failed += 1
            self.failures.append({"file": file, "reason": reason})

    @property
    def backlog(self) -> int:
        """Files without results yet."""
        return self.received - self.analysed - self.failed

    def facts(self, *, running: bool, held: int, limit: int, refused: int, unarchived: int) -> dict[str, Any]:
        """All of it as JSON values: bytes in memory and their limit, files not yet in the verified archive."""
        now = now_ns()
        with self._lock:
            while self._recent and self._recent[0][0] < now - _RECENT_NS:
                self._recent.popleft()
            recent = sorted(latency for _, latency in self._recent)
            span_s = max((now - self._recent[0][0]) / NS, 1.0) if self._recent else 1.0
            return {
                "time_ns": now, "pid": os.getpid(), "running": running, "pipeline": self.pipeline,
                "received": self.received, "stored": self.stored, "analysed": self.analysed, "failed": self.failed,
                "backlog": self.backlog, "bytes": self.bytes, "unarchived": unarchived,
                "memory_bytes": held, "memory_limit": limit, "spilled": refused, "waited_s": round(self.waited_s, 3),
                "rate_hz": round(len(recent) / span_s, 3),
                "latency_median_s": round(statistics.median(recent), 4) if recent else None,
                "latency_p99_s": round(recent[min(len(recent) - 1, int(0.99 * len(recent)))], 4) if recent else None,
                "failures": list(self.failures), "trouble": self.trouble,
            }  # fmt: skip


def write_status(folder: Path, facts: dict[str, Any]) -> None:
    """Replace the status file."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / STATUS, json.dumps(facts, indent=1), durable=False)
