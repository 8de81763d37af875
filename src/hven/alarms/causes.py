"""Which alarm explains which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hven.alarms.model import Alarm, Book, Deed, Happening
from hven.alarms.rules import Rule
from hven.core.clock import NS

PATIENCE_S = 600.0
"""A consequence that stays so long after its cause is gone stands alone."""


def link(book: Book, rules: Mapping[str, Rule], now_ns: int) -> tuple[Book, list[Happening]]:
    """Hang open alarms beneath open ones that explain them; what stays after its cause has gone stands alone."""
    open_ = [w.alarm for w in book.values() if w.alarm is not None and w.alarm.is_open]
    linked, happened = dict(book), list[Happening]()
    for place, watch in book.items():
        if watch.alarm is None or not watch.alarm.is_open:
            continue
        alarm = _linked(watch.alarm, rules[watch.alarm.rule], open_, now_ns)
        if alarm.cause != watch.alarm.cause:
            what = Deed.LINKED if alarm.cause else Deed.ALONE
            happened.append(Happening(alarm.id, now_ns, what, text=alarm.cause))
        linked[place] = replace(watch, alarm=alarm)
    return linked, happened


def _linked(alarm: Alarm, rule: Rule, open_: list[Alarm], now_ns: int) -> Alarm:
    """An alarm with the cause that it has now."""
    if any(other.id == alarm.cause for other in open_):
        return replace(alarm, alone_ns=0)
    causes = [other for other in open_ if rule.explained_by(other.rule, other.key)]
    if causes:
        first = min(causes, key=lambda other: (other.raised_ns, other.id))
        return replace(alarm, cause=first.id, alone_ns=0)
    if not alarm.cause:
        return alarm
    if not alarm.alone_ns:
        return replace(alarm, alone_ns=now_ns)
    return replace(alarm, cause="", alone_ns=0) if now_ns - alarm.alone_ns >= PATIENCE_S * NS else alarm
