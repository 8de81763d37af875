"""Alarms in a database: what is kept, who is told, and what people do about them."""

from __future__ import annotations

from contextlib import closing

import pytest

from hven.alarms.desk import DirectAlarms
from hven.alarms.model import AlarmState, Deed, Round, Signal
from hven.alarms.outbox import Outbox
from hven.alarms.rules import Rule
from hven.alarms.store import AlarmStore
from hven.alarms.tables import OUTBOX
from hven.alarms.transport import LogTransport
from hven.core.clock import NS
from hven.core.errors import AccessDeniedError, ConfigurationError, ConflictError, UnknownNameError
from hven.registry.database import Database

ROOT = Rule(name="root", source="root", kind="threshold", upper=0, says="root of {key}")
LEAF = Rule(name="leaf", source="leaf", kind="threshold", upper=0, says="é \0", because=("root",))
MORE = Rule(name="more", source="more", kind="threshold", upper=0, says="{value} lost", again_when_worse=True)
RULES = (ROOT, LEAF, MORE)


class Watched:
    """A store with a clock that the test moves, a minute for each round."""

    def __init__(self, url):
        self.database = Database(url)
        self.outbox = Outbox(self.database, [LogTransport()])
        self.store = AlarmStore(self.database)
        self.now = 0

    def look(self, rules=RULES, minutes=1, **bad):
        self.now += minutes * 60 * NS
        signals = [Signal(name, "k", float(bad.get(name, 0)), self.now) for name in ("root", "leaf", "more")]
        self.store.evaluate(rules, Round.of(signals), self.now, self.outbox)
        return {alarm.rule: alarm for alarm in self.store.find()}

    def told(self):
        with self.database.read() as connection:
            rows = connection.execute(OUTBOX.select().order_by(OUTBOX.c.time_ns, OUTBOX.c.key)).all()
        return [(row.key.rpartition("/")[2], row.subject) for row in rows]

    def do(self, verb, alarm, **more):
        return getattr(self.store, verb)(alarm.id, who="olga", text="é \0", now_ns=self.now, **more)


@pytest.fixture
def watched(database_url):
    watched = Watched(database_url)
    with closing(watched.database):
        yield watched


def test_one_trouble_is_told_once_and_its_consequence_stands_beneath_it(watched):
    found = watched.look(root=1, leaf=1)

    assert found["leaf"].cause == found["root"].id
    assert not found["root"].cause
    assert [a.rule for a in watched.store.get(found["root"].id).beneath] == ["leaf"]
    watched.look(root=1, leaf=1)
    assert watched.look() == {}
    assert watched.told() == [("raised", "root: root of k"), ("cleared", "root: over")]
    assert [h.what for h in watched.store.history()] == [
        Deed.CLEARED,
        Deed.CLEARED,
        Deed.LINKED,
        Deed.RAISED,
        Deed.RAISED,
    ]


def test_a_consequence_that_came_first_is_linked_and_one_that_stays_stands_alone_in_the_end(watched):
    assert not watched.look(leaf=1)["leaf"].cause
    found = watched.look(root=1, leaf=1)
    assert found["leaf"].cause == found["root"].id

    assert watched.look(leaf=1)["leaf"].cause
    assert not watched.look(leaf=1, minutes=11)["leaf"].cause
    assert watched.store.history()[0].what is Deed.ALONE


def test_an_alarm_is_acknowledged_commented_and_cleared_by_itself(watched):
    alarm = watched.look(root=1)["root"]
    watched.do("comment", alarm)
    case = watched.do("acknowledge", alarm)
    assert (case.alarm.state, case.alarm.by) == (AlarmState.ACKNOWLEDGED, "olga")
    with pytest.raises(ConflictError, match="acknowledged"):
        watched.do("acknowledge", alarm)

    assert watched.look(root=1)["root"].state is AlarmState.ACKNOWLEDGED
    watched.look()
    history = watched.store.get(alarm.id).history
    assert [(h.what, h.who) for h in history] == [
        (Deed.RAISED, ""), (Deed.COMMENTED, "olga"), (Deed.ACKNOWLEDGED, "olga"), (Deed.CLEARED, ""),
    ]  # fmt: skip
    assert watched.store.get(alarm.id).alarm.cleared_ns == watched.now


def test_what_is_accepted_is_raised_again_when_it_was_good_or_gets_worse(watched):
    found = watched.look(root=1, more=2)
    for alarm in found.values():
        watched.do("accept", alarm)
    assert watched.look(root=5, more=2) == {}
    assert watched.look(root=5, more=3).keys() == {"more"}
    assert watched.look(root=0, more=3).keys() == {"more"}
    assert watched.look(root=1, more=3).keys() == {"root", "more"}
    with pytest.raises(ConflictError, match="cleared"):
        watched.do("accept", found["root"])


def test_a_silenced_alarm_is_there_and_told_when_the_silence_is_over(watched):
    first = watched.look(root=1)["root"]
    watched.do("silence", first, until_ns=watched.now + 600 * NS, whole_rule=False)
    watched.look()
    assert watched.look(root=1).keys() == {"root"}
    assert [what for what, _ in watched.told()] == ["raised", "cleared"]

    watched.look(root=1, minutes=11)
    assert [what for what, _ in watched.told()] == ["raised", "cleared", "raised"]
    assert watched.store.silences(watched.now) == []


def test_alarms_of_a_rule_that_is_gone_are_over(watched):
    watched.look(root=1)
    assert watched.look(rules=(LEAF,)) == {}
    assert watched.store.find(open_only=False)[0].cleared_ns == watched.now


def test_only_operators_change_alarms_and_reasons_are_needed(watched):
    alarm = watched.look(root=1)["root"]
    ada = DirectAlarms(watched.store, user="ada", operator=False)
    assert ada.comment(alarm.id, "I see it, too").history[-1].who == "ada"
    for change in (
        lambda: ada.acknowledge(alarm.id),
        lambda: ada.clear(alarm.id, "x"),
        lambda: ada.silence(alarm.id, 1, "x"),
        lambda: ada.silence_rules("quality/*", 1, "x"),
    ):
        with pytest.raises(AccessDeniedError, match="ada may not operate"):
            change()
    olga = DirectAlarms(watched.store, user="olga", operator=True)
    with pytest.raises(ConfigurationError, match="reason is missing"):
        olga.clear(alarm.id, " ")
    with pytest.raises(UnknownNameError, match="unknown alarm 'nothing'"):
        olga.get("nothing")


EACH = Rule(
    name="quality", source="quality", kind="threshold", upper=1, each=True, says="{key} is bad", because=("root",)
)
BAD = ("img16/1/gain", "img16/2/gain", "img16/1/lost_packets")


def measured(watched, *bad, rules=(ROOT, EACH), **more):
    watched.now += 60 * NS
    signals = [Signal("quality", key, 2.0 if key in bad else 0.0, watched.now) for key in BAD]
    signals.append(Signal("root", "k", float(more.get("root", 0)), watched.now))
    watched.store.evaluate(rules, Round.of(signals), watched.now, watched.outbox)
    return {(alarm.rule, alarm.key) for alarm in watched.store.find()}


def test_a_rule_for_each_metric_has_alarms_of_their_own_name(watched):
    found = measured(watched, *BAD)

    assert found == {
        ("quality/gain", "img16/1/gain"), ("quality/gain", "img16/2/gain"),
        ("quality/lost_packets", "img16/1/lost_packets"),
    }  # fmt: skip
    assert {alarm.key for alarm in watched.store.find(rule="quality/gain")} == set(BAD[:2])
    assert {alarm.key for alarm in watched.store.find(rule="quality")} == set(BAD)
    assert watched.store.find(rule="qual") == []
    assert ("raised", "quality/lost_packets: img16/1/lost_packets is bad") in watched.told()
    assert measured(watched, BAD[0]) == {("quality/gain", "img16/1/gain")}
    assert measured(watched) == set()


def test_one_metric_is_silenced_on_all_detectors_and_no_other(watched):
    measured(watched, BAD[0])
    (gain,) = watched.store.find()
    watched.do("silence", gain, until_ns=watched.now + 3600 * NS, whole_rule=True)
    measured(watched, *BAD)

    assert [words for what, words in watched.told() if what == "raised"] == [
        "quality/gain: img16/1/gain is bad",
        "quality/lost_packets: img16/1/lost_packets is bad",
    ]


@pytest.mark.parametrize("rules", ["quality", "quality/*", "qual*"])
def test_a_family_is_silenced_with_one_word_what_comes_later_too_and_nothing_else(watched, rules):
    measured(watched, BAD[0])
    watched.store.silence_rules(rules, until_ns=watched.now + 150 * NS, who="olga", text="works", now_ns=watched.now)
    measured(watched, *BAD)
    measured(watched, root=1)

    assert [words for what, words in watched.told() if what == "raised"] == [
        "quality/gain: img16/1/gain is bad", "root: root of k",
    ]  # fmt: skip
    silenced = [line for line in watched.store.history() if line.what is Deed.SILENCED]
    assert [(line.who, line.text) for line in silenced] == [("olga", f"{rules}: works")]
    measured(watched, *BAD)
    assert ("raised", "quality/lost_packets: img16/1/lost_packets is bad") in watched.told()


def test_a_pattern_of_other_rules_silences_nothing_and_one_of_all_is_refused(watched):
    olga = DirectAlarms(watched.store, user="olga", operator=True)
    olga.silence_rules("quality/lost*", 1, "x")
    measured(watched, *BAD[:2])
    assert {words for what, words in watched.told() if what == "raised"} == {
        "quality/gain: img16/1/gain is bad", "quality/gain: img16/2/gain is bad",
    }  # fmt: skip
    for everything in ("*", " ", "*/*", ""):
        with pytest.raises(ConfigurationError, match="cannot be silenced at once"):
            olga.silence_rules(everything, 1, "x")


def test_alarms_of_each_metric_hang_beneath_the_cause_of_their_rule_and_end_with_it(watched):
    measured(watched, *BAD, root=1)
    (root,) = watched.store.find(rule="root")

    assert {alarm.cause for alarm in watched.store.find(rule="quality")} == {root.id}
    assert measured(watched, *BAD, rules=(ROOT,), root=1) == {("root", "k")}
