"""Signals of what is published and measured beside the images."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

from hven.alarms.model import Signal
from hven.batch.alarms.gather import Place
from hven.telemetry.gateway import Gateway


def gateway(place: Place) -> Iterator[Signal]:
    """Numbers among the latest values of the gateway, ``channel/name/field``."""
    for record in Gateway(place.database).latest():
        for field, value in record.value.items():
            if isinstance(value, Real):
                yield Signal("gateway", f"{record.channel}/{record.name}/{field}", float(value), record.time_ns)
