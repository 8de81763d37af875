"""Signals of what is published, and of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from numbers import Real

from hven.alarms.model import Signal
from hven.archive.completeness import queries as of_ledger
from hven.batch.alarms.gather import Place
from hven.telemetry.gateway import Gateway


def gateway(place: Place) -> Iterator[Signal]:
    """Numbers among the latest values of the gateway, ``channel/name/field``; their text is that of the value."""
    for record in Gateway(place.database).latest():
        text = ", ".join(str(value) for value in record.value.values() if isinstance(value, str))
        for field, value in record.value.items():
            if isinstance(value, Real):
                key = f"{record.channel}/{record.name}/{field}"
                yield Signal("gateway", key, float(value), record.time_ns, text=text)


def ledger(place: Place) -> Iterator[Signal]:
    """How much is amiss in each night, and of what kinds."""
    found: dict[str, Counter[str]] = {}
    for finding in of_ledger.findings(place.settings):
        found.setdefault(f"{finding.instrument}/{finding.day_obs}", Counter())[str(finding.kind)] += 1
    for key, kinds in found.items():
        text = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield Signal("ledger", key, float(kinds.total()), place.now_ns, text=text)
