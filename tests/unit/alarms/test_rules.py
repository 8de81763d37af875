"""Rules as people write them, and what each kind of them sees."""

from __future__ import annotations

import pytest
import yaml

from hven.alarms.evaluate import evaluate
from hven.alarms.model import Deed, Round, Signal
from hven.alarms.rules import Rule, load_rules
from hven.core.clock import NS, parse_utc
from hven.core.errors import ConfigurationError, UnknownNameError

DAY = parse_utc("2025-10-21")
HOT = {"name": "hot", "source": "s", "kind": "threshold", "upper": 30, "says": "{key} {value} > {limit} ({text})"}


def site(folder, *rules, **more):
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump({"rules": list(rules), **more}))
    return file


def after(rule, *signals, book=None):
    """Alarms that are open after readings, one round each."""
    book = {} if book is None else book
    for signal in signals:
        book, _ = evaluate(book, [rule], Round.of([signal]), signal.time_ns)
    return [w.alarm for w in book.values() if w.alarm and w.alarm.is_open]


def test_the_shipped_rules_are_those_of_silence_and_of_the_machinery():
    rules = {rule.name: rule for rule in load_rules()}

    silent = {"no-raw-data", "no-heartbeat", "calibration-old", "disk-filling", "queue-stuck"}
    assert silent < rules.keys()
    assert {n for n, r in rules.items() if r.kind == "deadman"} == silent - {"disk-filling"}
    assert all(rule.advice for rule in rules.values())


def test_a_site_adds_replaces_and_turns_off(tmp_path):
    file = site(tmp_path, HOT, {**HOT, "name": "disk-filling", "source": "disk", "upper": 0.5}, off=["slow-disk"])
    rules = {rule.name: rule for rule in load_rules(file)}

    assert rules["hot"].upper == 30
    assert rules["disk-filling"].upper == 0.5
    assert "slow-disk" not in rules


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"uper": 3}, "rule hot: uper"),
        ({"upper": None}, "give lower or upper"),
        ({"clear_upper": 31}, "lies beyond"),
        ({"kind": "deadman", "lower": 1}, "longest silence"),
        ({"unchanged": True}, "only a deadman rule"),
        ({"because": ["hot"]}, "in a circle: hot"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_name(tmp_path, change, what):
    with pytest.raises(ConfigurationError, match=what):
        load_rules(site(tmp_path, {**HOT, **change}))


def test_names_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="cold"):
        load_rules(site(tmp_path, {**HOT, "because": ["cold:*"]}))
    with pytest.raises(UnknownNameError, match="slow-disc"):
        load_rules(site(tmp_path, off=["slow-disc"]))


def test_a_threshold_holds_for_its_time_and_another_for_some_detectors():
    rule = Rule(**HOT, end="2025-10-22", overrides=[{"detectors": [254], "upper": 40, "begin": "2025-10-21T12:00"}])

    assert after(rule, Signal("s", "a", 31, DAY, text="why"))[0].text == "a 31 > 30 (why)"
    assert after(rule, Signal("s", "a", 31, DAY, detector=254))
    assert not after(rule, Signal("s", "a", 31, DAY + 13 * 3600 * NS, detector=254))
    assert not after(rule, Signal("s", "a", 31, DAY + 25 * 3600 * NS))


def test_a_rule_looks_at_keys_that_fit_and_none_of_some_others():
    rule = Rule(**HOT, keys="dome/*", without=("*/humidity",))

    watched = [key for key in ("dome/t", "dome/humidity", "mount/t") if rule.watches(Signal("s", key, 0, 0))]
    assert watched == ["dome/t"]


def test_a_relative_rule_sees_a_change_and_does_not_get_used_to_it():
    rule = Rule(**{**HOT, "kind": "relative", "upper": 0.2, "lower": -0.2}, window=5)
    steady = [Signal("s", "a", 10.0 + n % 2 / 10, DAY + n * NS) for n in range(6)]
    drifted = [Signal("s", "a", 13.0, DAY + n * NS) for n in range(6, 60)]

    assert not after(rule, *steady)
    assert after(rule, *steady, *drifted)[0].value == pytest.approx(0.3, abs=0.02)
    assert not after(rule, *steady, *drifted, Signal("s", "a", 10.0, DAY + 60 * NS))


def test_a_deadman_rule_says_when_it_became_too_silent():
    rule = Rule(**{**HOT, "kind": "deadman", "upper": 60, "says": "{key} silent for {lasting}"})
    last = Signal("s", "a", 0, DAY)
    book, happened = evaluate({}, [rule], Round.of([last]), DAY + 90 * NS)
    alarm = book["hot", "a"].alarm

    assert [h.what for h in happened] == [Deed.RAISED]
    assert alarm.text == "a silent for 1 min 30 s"
    assert (alarm.since_ns, alarm.raised_ns) == (DAY + 60 * NS, DAY + 90 * NS)


def test_a_sensor_that_always_says_the_same_is_stuck():
    rule = Rule(**{**HOT, "kind": "deadman", "upper": 60}, unchanged=True)
    alive = [Signal("s", "a", n / 10, DAY + n * NS) for n in range(0, 600, 10)]
    stuck = [Signal("s", "a", 59.0, DAY + n * NS) for n in range(600, 680, 10)]

    assert not after(rule, *alive)
    assert after(rule, *alive, *stuck)
