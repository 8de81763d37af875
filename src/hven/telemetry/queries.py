"""What pages read of telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from hven.core.clock import format_utc
from hven.core.settings import Settings
from hven.model.telemetry import Sample, Topic
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import declared


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic and its newest samples; `latest` is empty where there is none."""

    topic: Topic
    latest: tuple[Sample, ...]

    @property
    def latest_ns(self) -> int:
        """Time of the newest sample; 0 where there is none."""
        return max((sample.time_ns for sample in self.latest), default=0)

    @property
    def newest(self) -> str:
        """Time of the newest sample as text."""
        return format_utc(self.latest_ns) if self.latest else ""


def states(settings: Settings) -> list[TopicState]:
    """Declared topics and those of which there is anything, by name."""
    store = TelemetryStore(settings.root)
    there = {topic.name: topic for topic in store.topics()}
    known = {**declared(settings).topics, **there}
    return [
        TopicState(topic, tuple(store.latest(name)) if name in there else ()) for name, topic in sorted(known.items())
    ]


def overview(
    root: Path, topic: str, field: str, start_ns: int, end_ns: int, *, select: dict[str, str], points: int = 1000
) -> xr.Dataset:
    """As `TelemetryStore.overview`."""
    return TelemetryStore(root).overview(topic, field, start_ns, end_ns, points=points, select=select)
