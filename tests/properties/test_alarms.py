"""Alarms are a function of signals: what holds whatever comes, and whatever people do meanwhile."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hven.alarms.evaluate import evaluate
from hven.alarms.model import AlarmState, Deed, Round, Signal
from hven.alarms.rules import Rule
from hven.core.clock import NS

values = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, float("nan")]), max_size=30)
counts = st.integers(1, 4)


def rule(**more):
    return Rule(**{"name": "hot", "source": "s", "kind": "threshold", "upper": 2.5, "says": "{key}", **more})


def rounds(readings, rules, key="k"):
    """Books and happenings, round by round."""
    book = {}
    for number, value in enumerate(readings, 1):
        book, happened = evaluate(book, rules, Round.of([Signal("s", key, value, number * NS)]), number * NS)
        yield book, happened


@given(values, counts, counts)
def test_an_alarm_is_raised_after_n_bad_and_cleared_after_m_good_readings_in_a_row(readings, n, m):
    """Against the plain statement of it; between the limits nothing changes, and NaN says nothing."""
    hot = rule(clear_upper=1.5, raise_after=n, clear_after=m)
    open_, bad, good = False, 0, 0
    for value, (book, _) in zip(readings, rounds(readings, [hot]), strict=True):
        if value == value:  # noqa: PLR0124 - not NaN
            bad = bad + 1 if value > 2.5 else 0
            good = good + 1 if value <= 1.5 else 0
        open_ = True if bad >= n else False if good >= m else open_
        alarms = [w.alarm for w in book.values() if w.alarm and w.alarm.is_open]
        assert len(alarms) == open_


@given(values, counts, counts)
def test_the_history_says_what_is_open(readings, n, m):
    told = set()
    for book, happened in rounds(readings, [rule(raise_after=n, clear_after=m)]):
        for line in happened:
            (told.add if line.what is Deed.RAISED else told.remove)(line.alarm)
        assert told == {w.alarm.id for w in book.values() if w.alarm and w.alarm.is_open}


@given(values, counts)
def test_looking_twice_at_the_same_readings_changes_nothing(readings, n):
    hot = [rule(raise_after=n)]
    book = {}
    for number, value in enumerate(readings, 1):
        seen = Round.of([Signal("s", "k", value, number * NS)])
        book, _ = evaluate(book, hot, seen, number * NS)
        again, happened = evaluate(book, hot, seen, number * NS)
        assert happened == []
        assert {k: w.alarm for k, w in again.items()} == {k: w.alarm for k, w in book.items() if k in again}
        book = again


@given(values)
def test_what_is_acknowledged_stays_so_and_what_is_accepted_comes_again_only_after_it_was_good(readings):
    hot, book, accepted = [rule()], {}, False
    for number, value in enumerate(readings, 1):
        book, _ = evaluate(book, hot, Round.of([Signal("s", "k", value, number * NS)]), number * NS)
        watch = book.get(("hot", "k"))
        accepted &= not value <= 2.5
        if watch is None or watch.alarm is None or not watch.alarm.is_open:
            continue
        assert not accepted
        accepted = True
        closed = replace(watch.alarm, state=AlarmState.CLEARED)
        book["hot", "k"] = replace(watch, alarm=closed, accepted=True, accepted_value=value)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=25))
def test_there_is_a_primary_alarm_whenever_there_is_one_and_causes_are_open_or_have_just_been(steps):
    rules = [
        rule(name="root"),
        rule(name="middle", keys="m", because=("root",)),
        rule(name="leaf", because=("middle",)),
    ]
    rules = [r.model_copy(update={"source": r.name}) for r in rules]
    book = {}
    for number, bad in enumerate(steps, 1):
        now = number * 60 * NS
        given_ = [Signal(r.name, r.name[0], 9.0 if b else 0.0, now) for r, b in zip(rules, bad, strict=True)]
        book, _ = evaluate(book, rules, Round.of(given_), now)
        open_ = {w.alarm.id: w.alarm for w in book.values() if w.alarm and w.alarm.is_open}
        for alarm in open_.values():
            assert not alarm.cause or alarm.cause in open_ or now - alarm.alone_ns < 600 * NS
        names = {a.rule: a for a in open_.values()}
        if {"root", "middle"} <= names.keys():
            assert names["middle"].cause
            assert not names["root"].cause


@given(values, st.booleans())
def test_a_source_that_fails_changes_nothing_and_a_key_that_is_gone_is_healed(readings, fails):
    hot = [rule()]
    books = [{}, *(book for book, _ in rounds(readings, hot))]
    after, _ = evaluate(books[-1], hot, Round((), frozenset() if fails else frozenset({"s"})), 99 * NS)
    before, still = ({k: w.alarm for k, w in b.items() if w.alarm and w.alarm.is_open} for b in (books[-1], after))
    assert still == (before if fails else {})
