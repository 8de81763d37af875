"""All sources of signals, by the name that rules give."""

from __future__ import annotations

from collections.abc import Mapping

from hven.batch.alarms import data, machine, streams
from hven.batch.alarms.disk_speed import DiskSpeed
from hven.batch.alarms.gather import Source

SOURCES: Mapping[str, Source] = {
    "disk": machine.disk,
    "disk speed": DiskSpeed(),
    "heartbeat": machine.heartbeat,
    "process": machine.process,
    "queue": machine.queue,
    "raw data": data.raw_data,
    "quality": data.quality,
    "metric": data.metric,
    "calibration": data.calibration,
    "gateway": streams.gateway,
    "telemetry": streams.telemetry,
    "topic": streams.topic,
    "ledger": streams.ledger,
}
"""A new one is a function and a line here."""
