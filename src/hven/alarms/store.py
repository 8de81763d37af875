"""Alarms in a database: the thin layer around `hven.alarms.evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa

from hven.alarms.alarm_rows import alarm_of, alarm_row, happening_of, watch_of, watch_row
from hven.alarms.alarm_tables import ALARM, EVENT, METADATA, NAME, ROUND, SILENCE, VERSION, WATCH
from hven.alarms.evaluate import evaluate, to_tell
from hven.alarms.message import Message, Severity
from hven.alarms.model import FAMILY, NOTHING, Alarm, AlarmState, Book, Case, Deed, Happening, Over, Round, Silence
from hven.alarms.outbox import Outbox
from hven.alarms.rules import Rule
from hven.core.errors import ConflictError, UnknownNameError
from hven.registry.database import Database
from hven.registry.schema import storable

_CLOSED = str(AlarmState.CLEARED)


class AlarmStore:
    """Alarms, their history and silences.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(METADATA, name=NAME, version=VERSION, when_older="The history of alarms is lost.")

    def evaluate(self, rules: Sequence[Rule], seen: Round, now_ns: int, outbox: Outbox) -> list[Happening]:
        """Look at one round by the rules, keep what came of it, and put messages into the outbox; all or nothing."""
        with self.database.write() as connection:
            before = _book(connection)
            after, happened = evaluate(before, rules, seen, now_ns)
            after, told = to_tell(after, _silences(connection, now_ns), now_ns)
            _keep(connection, before, after, {rule.name for rule in rules}, now_ns)
            _note(connection, happened)
            for message in [*map(_news, told), *_all_clear(after)]:
                outbox.put(connection, message)
            connection.execute(sa.delete(ROUND))
            connection.execute(sa.insert(ROUND).values(id=0, at_ns=now_ns, signals=len(seen.signals)))
        return happened

    def find(
        self, *, open_only: bool = True, rule: str = "", since_ns: int = 0, limit: int | None = None
    ) -> list[Alarm]:
        """Alarms, the newest first; those that were over before a time are left out."""
        query = ALARM.select().order_by(ALARM.c.raised_ns.desc(), ALARM.c.id).limit(limit)
        query = query.where(ALARM.c.state != _CLOSED) if open_only else query
        query = query.where(_of_rule(rule)) if rule else query
        query = query.where((ALARM.c.cleared_ns == 0) | (ALARM.c.cleared_ns >= since_ns)) if since_ns else query
        with self.database.read() as connection:
            return [alarm_of(row) for row in connection.execute(query).mappings()]

    def over(self, since_ns: int) -> list[Over]:
        """Alarms that ended since a time, counted by rule, the most frequent first."""
        count = sa.func.count()
        query = sa.select(ALARM.c.rule, count, sa.func.max(ALARM.c.cleared_ns)).where(
            ALARM.c.state == _CLOSED, ALARM.c.cleared_ns >= since_ns
        )
        with self.database.read() as connection:
            rows = connection.execute(query.group_by(ALARM.c.rule).order_by(count.desc(), ALARM.c.rule))
            return [Over(*row) for row in rows]

    def get(self, alarm_id: str) -> Case:
        """An alarm with its history and what hangs beneath it; UnknownNameError lists those that are open."""
        with self.database.read() as connection:
            alarm = _one(connection, alarm_id)
            lines = connection.execute(EVENT.select().where(EVENT.c.alarm == alarm_id).order_by(EVENT.c.id)).mappings()
            below = ALARM.select().where(ALARM.c.cause == alarm_id).order_by(ALARM.c.raised_ns, ALARM.c.id)
            beneath = tuple(alarm_of(row) for row in connection.execute(below).mappings())
            return Case(alarm, tuple(map(happening_of, lines)), beneath)

    def history(self, *, limit: int | None = None) -> list[Happening]:
        """Who did what to alarms, newest first."""
        with self.database.read() as connection:
            rows = connection.execute(EVENT.select().order_by(EVENT.c.id.desc()).limit(limit)).mappings()
            return [happening_of(row) for row in rows]

    def silences(self, now_ns: int) -> list[Silence]:
        """Silences that hold, by rule and key."""
        with self.database.read() as connection:
            return _silences(connection, now_ns)

    def last_round_ns(self) -> int:
        """When it was last looked; 0 where never."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(ROUND.c.at_ns)) or 0

    def acknowledge(self, alarm_id: str, *, who: str, text: str, now_ns: int) -> Case:
        """Say that somebody has seen it; ConflictError where it is acknowledged or over."""
        with self.database.write() as connection:
            alarm = _one(connection, alarm_id)
            if alarm.state is not AlarmState.RAISED:
                raise ConflictError(f"alarm {alarm_id} is {alarm.state}")
            _update(connection, replace(alarm, state=AlarmState.ACKNOWLEDGED, by=who))
            _note(connection, [Happening(alarm_id, now_ns, Deed.ACKNOWLEDGED, who, text)])
        return self.get(alarm_id)

    def comment(self, alarm_id: str, *, who: str, text: str, now_ns: int) -> Case:
        """Add words."""
        with self.database.write() as connection:
            _one(connection, alarm_id)
            _note(connection, [Happening(alarm_id, now_ns, Deed.COMMENTED, who, text)])
        return self.get(alarm_id)

    def accept(self, alarm_id: str, *, who: str, text: str, now_ns: int) -> Case:
        """Clear an alarm that does not clear by itself; it is not raised again before it was good once."""
        with self.database.write() as connection:
            alarm = _one(connection, alarm_id)
            if not alarm.is_open:
                raise ConflictError(f"alarm {alarm_id} is cleared already")
            _update(connection, replace(alarm, state=AlarmState.CLEARED, cleared_ns=now_ns, by=who))
            place = (WATCH.c.rule == alarm.rule) & (WATCH.c.key == alarm.key)
            values = {"alarm": "", "accepted": True, "accepted_value": alarm.value}
            connection.execute(WATCH.update().where(place).values(values))
            _note(connection, [Happening(alarm_id, now_ns, Deed.ACCEPTED, who, text)])
        return self.get(alarm_id)

    def silence(self, alarm_id: str, *, until_ns: int, whole_rule: bool, who: str, text: str, now_ns: int) -> Silence:
        """Tell nobody of the rule and key of an alarm, or of all of the rule, until a time."""
        with self.database.write() as connection:
            alarm = _one(connection, alarm_id)
            made = Silence(alarm.rule, "" if whole_rule else alarm.key, until_ns, who, storable(text), now_ns)
            _hold_back(connection, made)
            _note(connection, [Happening(alarm_id, now_ns, Deed.SILENCED, who, text)])
        return made

    def silence_rules(self, rules: str, *, until_ns: int, who: str, text: str, now_ns: int) -> Silence:
        """Tell nobody of rules that a family or a pattern names, those to come among them, until a time."""
        made = Silence(rules, "", until_ns, who, storable(text), now_ns)
        with self.database.write() as connection:
            _hold_back(connection, made)
            rows = connection.execute(ALARM.select().where(ALARM.c.state != _CLOSED)).mappings()
            covered = [alarm.id for alarm in map(alarm_of, rows) if made.covers(alarm, now_ns)]
            _note(connection, [Happening(alarm, now_ns, Deed.SILENCED, who, f"{rules}: {text}") for alarm in covered])
        return made


def _book(connection: sa.Connection) -> Book:
    rows = connection.execute(ALARM.select().where(ALARM.c.state != _CLOSED)).mappings()
    open_ = {row["id"]: alarm_of(row) for row in rows}
    watches = connection.execute(WATCH.select().order_by(WATCH.c.rule, WATCH.c.key)).mappings()
    return {(row["rule"], row["key"]): watch_of(row, open_.get(row["alarm"])) for row in watches}


def _hold_back(connection: sa.Connection, made: Silence) -> None:
    place = (SILENCE.c.rule == made.rule) & (SILENCE.c.key == made.key)
    connection.execute(sa.delete(SILENCE).where(place))
    connection.execute(sa.insert(SILENCE).values(asdict(made)))


def _keep(connection: sa.Connection, before: Book, after: Book, rules: set[str], now_ns: int) -> None:
    """Write what differs; alarms of rules that are there no more are over."""
    for place in sorted(before.keys() | after.keys()):
        was, is_ = before.get(place, NOTHING), after.get(place, NOTHING)
        if was == is_ and place in after:
            continue
        where = (WATCH.c.rule == place[0]) & (WATCH.c.key == place[1])
        connection.execute(sa.delete(WATCH).where(where))
        if place in after:
            connection.execute(sa.insert(WATCH).values(watch_row(*place, is_)))
        if is_.alarm is not None and is_.alarm != was.alarm:
            _update(connection, is_.alarm)
        if place[0] not in rules and place not in after and was.alarm is not None:
            _update(connection, replace(was.alarm, state=AlarmState.CLEARED, cleared_ns=now_ns))


def _update(connection: sa.Connection, alarm: Alarm) -> None:
    connection.execute(sa.delete(ALARM).where(ALARM.c.id == alarm.id))
    connection.execute(sa.insert(ALARM).values(alarm_row(alarm)))


def _note(connection: sa.Connection, happened: Iterable[Happening]) -> None:
    rows = [{**asdict(line), "what": str(line.what), "text": storable(line.text)} for line in happened]
    if rows:
        connection.execute(sa.insert(EVENT), rows)


def _of_rule(name: str) -> sa.ColumnElement[bool]:
    """Alarms of a rule, or of those that it stands for."""
    return (ALARM.c.rule == name) | ALARM.c.rule.startswith(name + FAMILY, autoescape=True)


def _one(connection: sa.Connection, alarm_id: str) -> Alarm:
    row = connection.execute(ALARM.select().where(ALARM.c.id == alarm_id)).mappings().one_or_none()
    if row is None:
        open_ = sa.select(ALARM.c.id).where(ALARM.c.state != _CLOSED)
        raise UnknownNameError("alarm", alarm_id, list(connection.scalars(open_)))
    return alarm_of(row)


def _silences(connection: sa.Connection, now_ns: int) -> list[Silence]:
    query = SILENCE.select().where(SILENCE.c.until_ns > now_ns).order_by(SILENCE.c.rule, SILENCE.c.key)
    return [Silence(**row) for row in connection.execute(query).mappings()]


def _news(alarm: Alarm) -> Message:
    text = f"{alarm.text}\n{alarm.advice}\nhven alarms show {alarm.id}"
    return Message(f"alarm/{alarm.id}/raised", alarm.severity, f"{alarm.rule}: {alarm.text}", text, alarm.raised_ns)


def _all_clear(book: Book) -> list[Message]:
    over = [w.alarm for w in book.values() if w.alarm is not None and not w.alarm.is_open and w.alarm.told]
    return [
        Message(f"alarm/{a.id}/cleared", Severity.INFO, f"{a.rule}: over", f"{a.text}\nThis is over.", a.cleared_ns)
        for a in over
    ]
