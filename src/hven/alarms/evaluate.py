"""From signals to alarms: functions of what is known, the rules, one look around and the time; nothing else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from hven.alarms.causes import link
from hven.alarms.each import expanded
from hven.alarms.model import (
    NOTHING,
    Alarm,
    AlarmState,
    Book,
    Deed,
    Happening,
    Round,
    Signal,
    Silence,
    Watch,
    alarm_id,
)
from hven.alarms.rules import Limits, Rule
from hven.core.clock import NS
from hven.core.quantities import duration

_LEAST = 3
"""Readings that a relative rule needs before it compares."""
_HUGE = 1e300
"""Relative change against nothing."""


def evaluate(book: Book, rules: Sequence[Rule], seen: Round, now_ns: int) -> tuple[Book, list[Happening]]:
    """Look at signals by the rules.

    Parameters
    ----------
    book
        What the last call gave.
    rules
        Those that hold; alarms of others are cleared.
    seen
        One look around.
    now_ns
        When.

    Returns
    -------
    tuple
        The book to be kept, and what happened, in order.
    """
    book = {place: _without_closed(watch) for place, watch in book.items()}
    rules = expanded(rules, seen.signals, (name for name, _ in book))
    before = {rule.name: {key: w for (name, key), w in book.items() if name == rule.name} for rule in rules}
    signals: dict[str, list[Signal]] = defaultdict(list)
    for signal in seen.signals:
        signals[signal.source].append(signal)
    after: Book = {}
    for rule in rules:
        after |= _apply(rule, before[rule.name], signals[rule.source], seen, now_ns)
    happened = [*_forgotten(book, before.keys(), now_ns), *_differences(book, after, now_ns)]
    linked, links = link(after, {rule.name: rule for rule in rules}, now_ns)
    return {place: watch for place, watch in linked.items() if _worth_keeping(watch)}, [*happened, *links]


def to_tell(book: Book, silences: Iterable[Silence], now_ns: int) -> tuple[Book, list[Alarm]]:
    """Primary alarms of which people have not been told and that nothing silences; the book that says they have."""
    holding = [silence for silence in silences if now_ns < silence.until_ns]
    told: list[Alarm] = []
    changed = dict(book)
    for place, watch in book.items():
        alarm = watch.alarm
        if alarm is None or alarm.told or alarm.cause or any(s.covers(alarm, now_ns) for s in holding):
            continue
        told.append(alarm)
        changed[place] = replace(watch, alarm=replace(alarm, told=True))
    return changed, told


def _apply(rule: Rule, before: Mapping[str, Watch], signals: Sequence[Signal], seen: Round, now_ns: int) -> Book:
    """Watches of one rule after a round."""
    given = {signal.key: signal for signal in signals if rule.watches(signal)}
    after: Book = {}
    for key in sorted(before.keys() | given.keys()):
        watch = before.get(key, NOTHING)
        if key in given:
            after[rule.name, key] = _look(rule, watch, given[key], now_ns)
        elif rule.source in seen.answered:
            after[rule.name, key] = replace(NOTHING, alarm=_cleared(watch.alarm, now_ns))
        else:
            after[rule.name, key] = watch
    return after


@dataclass(frozen=True, slots=True)
class _Reading:
    """A signal under a rule: the limits that hold for it, and the value that is compared with them."""

    rule: Rule
    signal: Signal
    limits: Limits
    value: float
    now_ns: int

    @property
    def since_ns(self) -> int:
        """When it began to be bad, if it is the first that is: for silence, when that became too long."""
        if self.rule.kind == "deadman" and self.limits.upper is not None:
            return self.now_ns - round((self.value - self.limits.upper) * NS)
        return self.signal.time_ns

    def is_worse(self, accepted: float | None) -> bool:
        """Whether it is worse than what was accepted."""
        if accepted is None or not self.rule.again_when_worse:
            return False
        upper = self.limits.upper
        return self.value > accepted if upper is not None and self.value > upper else self.value < accepted


def _look(rule: Rule, watch: Watch, signal: Signal, now_ns: int) -> Watch:
    """One key after one signal."""
    limits = rule.limits(signal, now_ns if rule.kind == "deadman" else signal.time_ns)
    if limits is None:
        return replace(NOTHING, alarm=_cleared(watch.alarm, now_ns))
    is_new = rule.kind == "deadman" or signal.time_ns > watch.seen_ns
    if math.isnan(signal.value) or not is_new:
        return watch
    watch = replace(_noticed(rule, watch, signal), seen_ns=signal.time_ns)
    reading = _Reading(rule, signal, limits, _measured(rule, watch, signal, now_ns), now_ns)
    if limits.bad(reading.value):
        return _bad(watch, reading)
    return _good(watch, reading) if limits.good(reading.value) else replace(watch, bad=0, good=0)


def _noticed(rule: Rule, watch: Watch, signal: Signal) -> Watch:
    """A watch that knows since when the value is what it is."""
    if not rule.unchanged or watch.value == signal.value:
        return watch
    return replace(watch, value=signal.value, changed_ns=signal.time_ns)


def _measured(rule: Rule, watch: Watch, signal: Signal, now_ns: int) -> float:
    """What is compared with the limits."""
    if rule.kind == "deadman":
        return (now_ns - (watch.changed_ns if rule.unchanged else signal.time_ns)) / NS
    if rule.kind == "threshold":
        return signal.value
    if len(watch.recent) < _LEAST:
        return 0.0
    usual = median(watch.recent)
    change = signal.value - usual
    return change / abs(usual) if usual else math.copysign(_HUGE, change) if change else 0.0


def _bad(watch: Watch, reading: _Reading) -> Watch:
    accepted = watch.accepted and not reading.is_worse(watch.accepted_value)
    since_ns = watch.since_ns if watch.bad else reading.since_ns
    watch = replace(watch, bad=watch.bad + 1, good=0, since_ns=since_ns, accepted=accepted)
    if watch.alarm is not None:
        return replace(watch, alarm=replace(watch.alarm, value=reading.value))
    if accepted or watch.bad < reading.rule.raise_after:
        return watch
    return replace(watch, alarm=_raised(reading, since_ns))


def _good(watch: Watch, reading: _Reading) -> Watch:
    rule = reading.rule
    recent = (*watch.recent, reading.signal.value)[-rule.window :] if rule.kind == "relative" else ()
    watch = replace(watch, bad=0, good=watch.good + 1, recent=recent)
    if watch.good < rule.clear_after:
        return watch
    over = _cleared(watch.alarm, reading.now_ns)
    return replace(watch, good=0, accepted=False, accepted_value=None, alarm=over)


def _raised(reading: _Reading, since_ns: int) -> Alarm:
    rule, key, value, limits = reading.rule, reading.signal.key, reading.value, reading.limits
    limit = limits.lower if limits.lower is not None and value < limits.lower else limits.upper
    words = {"key": key, "value": f"{value:.6g}", "limit": f"{limit:.6g}", "text": reading.signal.text,
             "lasting": duration(value)}  # fmt: skip
    return Alarm(
        id=alarm_id(rule.name, key, reading.now_ns),
        rule=rule.name,
        key=key,
        state=AlarmState.RAISED,
        severity=rule.severity,
        text=_filled(rule.says, words),
        advice=_filled(rule.advice, words),
        value=value,
        since_ns=since_ns,
        raised_ns=reading.now_ns,
    )


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text.strip()


def _without_closed(watch: Watch) -> Watch:
    return watch if watch.alarm is None or watch.alarm.is_open else replace(watch, alarm=None)


def _cleared(alarm: Alarm | None, now_ns: int) -> Alarm | None:
    return replace(alarm, state=AlarmState.CLEARED, cleared_ns=now_ns) if alarm is not None else None


def _differences(book: Book, after: Book, now_ns: int) -> list[Happening]:
    """What was raised and what cleared."""
    found = []
    for place, watch in after.items():
        was = book.get(place, NOTHING).alarm
        if watch.alarm is not None and was is None:
            found.append(Happening(watch.alarm.id, now_ns, Deed.RAISED, text=watch.alarm.text))
        elif watch.alarm is not None and not watch.alarm.is_open:
            found.append(Happening(watch.alarm.id, now_ns, Deed.CLEARED))
    return found


def _forgotten(book: Book, names: Iterable[str], now_ns: int) -> list[Happening]:
    """Alarms of rules that are there no more."""
    known = set(names)
    gone = [watch.alarm for (rule, _), watch in book.items() if rule not in known and watch.alarm is not None]
    return [Happening(alarm.id, now_ns, Deed.CLEARED, text="Its rule is gone.") for alarm in gone]


def _worth_keeping(watch: Watch) -> bool:
    """Whether a later round needs it, or has to know that its alarm is over."""
    return bool(watch.bad or watch.alarm or watch.recent or watch.changed_ns or watch.accepted)
