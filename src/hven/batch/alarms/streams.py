"""Signals of what is published and measured beside the images, and of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from numbers import Real

from hven.alarms.model import Signal
from hven.archive.completeness import queries as of_ledger
from hven.batch.alarms.gather import Place
from hven.core.clock import NS
from hven.model.telemetry import Sample, Topic
from hven.registry.database import shared_database
from hven.telemetry.gateway import Gateway
from hven.telemetry.store import TelemetryStore

FORGOTTEN_S = 24 * 3600
"""A topic of which nothing has come for so long is not waited for any more."""


def gateway(place: Place) -> Iterator[Signal]:
    """Numbers among the latest values of the gateway, ``channel/name/field``; their text is that of the value."""
    for record in _gateway(place.settings.platform_url).latest():
        text = ", ".join(str(value) for value in record.value.values() if isinstance(value, str))
        for field, value in record.value.items():
            if isinstance(value, Real):
                key = f"{record.channel}/{record.name}/{field}"
                yield Signal("gateway", key, float(value), record.time_ns, text=text)


@lru_cache(maxsize=8)
def _gateway(url: str) -> Gateway:
    return Gateway(shared_database(url))


def telemetry(place: Place) -> Iterator[Signal]:
    """Newest value of each number, ``topic/field``, or ``topic/key/field`` where a topic has keys."""
    for topic, sample in _newest(place):
        for field in topic.fields:
            value = sample.values.get(field.name)
            if field.name not in topic.keys and isinstance(value, Real):
                yield Signal("telemetry", f"{_stem(topic, sample)}/{field.name}", float(value), sample.time_ns)


def topic(place: Place) -> Iterator[Signal]:
    """For how many of its usual steps each topic has been silent."""
    for declared, sample in _newest(place):
        if declared.cadence_s is not None:
            silent_s = (place.now_ns - sample.time_ns) / NS
            text = f"nothing for {silent_s:.0f} s, usually every {declared.cadence_s:g} s"
            yield Signal("topic", _stem(declared, sample), silent_s / declared.cadence_s, place.now_ns, text=text)


def ledger(place: Place) -> Iterator[Signal]:
    """How much is amiss in each night, and of what kinds."""
    found: dict[str, Counter[str]] = {}
    for finding in of_ledger.findings(place.settings):
        found.setdefault(f"{finding.instrument}/{finding.day_obs}", Counter())[str(finding.kind)] += 1
    for key, kinds in found.items():
        text = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield Signal("ledger", key, float(kinds.total()), place.now_ns, text=text)


def _newest(place: Place) -> Iterator[tuple[Topic, Sample]]:
    """Newest samples of topics that are not forgotten."""
    store = TelemetryStore(place.settings.root)
    for declared in store.topics():
        for sample in store.latest(declared.name):
            if place.now_ns - sample.time_ns < FORGOTTEN_S * NS:
                yield declared, sample


def _stem(declared: Topic, sample: Sample) -> str:
    return "/".join([declared.name, *(str(sample.values[key]) for key in declared.keys)])
