"""The gateway: one sequence, nothing missed within the window, a clear word beyond it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hven.core.clock import NS
from hven.core.errors import ConfigurationError, GoneError
from hven.registry.database import Database
from hven.telemetry import gateway as module
from hven.telemetry.gateway import WINDOW_NS, Gateway

NOW = 1_761_000_000 * NS
HOUR = 3600 * NS


@pytest.fixture
def gateway(database_url):
    made = Gateway(Database(database_url))
    yield made
    made.database.close()


@pytest.fixture
def clock(monkeypatch):
    """Function that sets the time."""

    def set_to(time_ns):
        monkeypatch.setattr(module, "now_ns", lambda: time_ns)

    set_to(NOW)
    return set_to


def follow(gateway, sequence, until):
    """What a client sees that asks again and again, three records at a time."""
    seen = []
    while len(seen) < until:
        found = gateway.since(sequence, limit=3)
        seen += found
        sequence = found[-1].sequence if found else sequence
    return seen


def test_whoever_follows_four_writers_sees_everything_once_and_in_order(gateway):
    def write(who):
        return [gateway.publish("qc", f"{who}/{i % 3}", {"i": i}) for i in range(15)]

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(follow, gateway, 0, 60)
        written = [pool.submit(write, who) for who in "abcd"]
        given = sorted(sequence for one in written for sequence in one.result())
        seen = reader.result(timeout=60)

    assert [record.sequence for record in seen] == given
    assert len(set(given)) == 60
    assert {(r.name, r.value["i"]) for r in gateway.latest("qc")} == {
        (f"{w}/{i % 3}", i) for w in "abcd" for i in (12, 13, 14)
    }


def test_the_sequence_grows_while_the_clock_goes_back(gateway, clock):
    first = gateway.publish("qc", "a", {})
    clock(NOW - HOUR)

    assert gateway.publish_all([("qc", "a", {}), ("qc", "b", {})]) == [first + 1, first + 2]
    assert gateway.snapshot().sequence == gateway.last() == first + 2


def test_seven_days_are_kept_and_who_asks_for_more_is_told_what_there_is(gateway, clock):
    old = gateway.publish("qc", "old", {"value": 1})
    kept = gateway.publish("qc", "a", {"value": 2})
    clock(NOW + WINDOW_NS - 1)
    gateway.publish("qc", "a", {"value": 3})
    assert [r.value["value"] for r in gateway.since(old)] == [2, 3]

    clock(NOW + WINDOW_NS + HOUR)
    gateway.publish("qc", "a", {"value": 4})

    with pytest.raises(GoneError, match=f"oldest sequence available is {kept}") as told:
        gateway.since(old)
    assert told.value.status_code == 410
    assert [r.value["value"] for r in gateway.since(gateway.snapshot().oldest)] == [3, 4]
    assert [(r.name, r.value["value"]) for r in gateway.latest()] == [("a", 4), ("old", 1)]


def test_a_sequence_that_was_never_given_is_refused(gateway):
    last = gateway.publish("qc", "a", {})

    assert gateway.since(last) == []
    with pytest.raises(GoneError, match="ahead"):
        gateway.since(last + 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", {"value": float("nan")}), ("a", {"value": object()}), ("a", {"x": "y" * 70_000}), ("", {}), ("a\nb", {}),
        ("\udfff", {}),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_and_nothing_of_it_is_kept(gateway, name, value):
    with pytest.raises(ConfigurationError):
        gateway.publish_all([("qc", "good", {}), ("qc", name, value)])

    assert gateway.latest() == []
    assert gateway.last() == 0
